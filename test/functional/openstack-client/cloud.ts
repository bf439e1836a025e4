import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

export interface Cloud {
  url: string;
  asked: Asked[];
  /** Tokens that Keystone gives out, in turn; each ends after `tokenLifeMs`. */
  tokenLifeMs: number;
  /** Tokens that Nova takes; null: all. */
  valid: Set<string> | null;
  logins: number;
  /** The catalogue names it. */
  hasPlacement: boolean;
  /** Answers everything that is not Keystone's. */
  nova: (asked: Asked, response: ServerResponse) => void;
}

/** Keystone and Nova on one port, over real HTTP, with just enough behind them. */
export async function cloud(): Promise<Cloud> {
  const self: Cloud = {
    url: '',
    asked: [],
    tokenLifeMs: 3_600_000,
    valid: null,
    logins: 0,
    hasPlacement: true,
    nova: (_asked, response) => json(response, 200, {}),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const asked: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? null : JSON.parse(text),
    };
    self.asked.push(asked);
    if (asked.path.startsWith('/identity/v3/auth/tokens')) keystone(self, asked, response);
    else if (self.valid && !self.valid.has(String(asked.headers['x-auth-token']))) {
      json(response, 401, {
        error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
      });
    } else self.nova(asked, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return self;
}

function keystone(self: Cloud, asked: Asked, response: ServerResponse): void {
  const token = (id: string) => ({
    token: {
      expires_at: new Date(Date.now() + self.tokenLifeMs).toISOString().replace('Z', '000Z'),
      user: { id: `user-of-${id}`, name: 'ann', domain: { id: 'default', name: 'Default' } },
      project: { id: 'project-1', name: 'p' },
      roles: [
        { id: 'r1', name: 'admin' },
        { id: 'r2', name: 'reader' },
      ],
      catalog: [
        { type: 'identity', endpoints: [] },
        ...(self.hasPlacement
          ? [
              {
                type: 'placement',
                endpoints: [{ interface: 'public', region_id: 'one', url: `${self.url}/placement/` }],
              },
            ]
          : []),
        {
          type: 'compute',
          endpoints: [
            { interface: 'admin', region_id: 'one', url: 'http://127.0.0.1:1/v2.1' },
            { interface: 'public', region_id: 'two', url: 'http://127.0.0.1:1/v2.1' },
            { interface: 'public', region_id: 'one', url: `${self.url}/compute/v2.1` },
          ],
        },
      ],
    },
  });
  if (asked.method === 'POST') {
    self.logins += 1;
    const id = `token-${self.logins}`;
    response.setHeader('X-Subject-Token', id);
    json(response, 201, token(id));
    return;
  }
  const own = String(asked.headers['x-auth-token']);
  if (self.valid && !self.valid.has(own)) {
    json(response, 401, { error: { code: 401, message: 'no' } });
    return;
  }
  const subject = String(asked.headers['x-subject-token']);
  if (subject.startsWith('good')) json(response, 200, token(subject));
  else json(response, 404, { error: { code: 404, message: 'Failed to validate token' } });
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-openstack-nova-api-version': '2.80',
    'x-openstack-request-id': 'req-42',
    ...headers,
  });
  response.end(body === null ? undefined : JSON.stringify(body));
}
