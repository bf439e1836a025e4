import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Moment } from './ledger.ts';
import type { Trouble } from './trouble.ts';

const TOKEN_LIFE_MS = 3_600_000;

/** A token `caller-...` is any caller's, one that was given for a password is the service's. */
export function ownerOf(token: string): 'caller' | 'service' | null {
  if (token.startsWith('caller-')) return 'caller';
  return token.startsWith('service-') ? 'service' : null;
}

/** Answers `/v3/auth/tokens`: every password is right, every caller is an administrator. */
export async function answerKeystone(
  { trouble, moment }: { trouble: Trouble; moment: (moment: Moment) => void },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  moment('token-asked');
  const fault = trouble.ofReading();
  if (fault?.kind === 'reset-before') return void request.socket.destroy();
  if (fault?.kind === 'slow') await sleep(fault.ms);
  if (fault?.kind === 'status')
    return send(response, fault.status, { error: { code: fault.status, message: 'fault' } });
  if (request.method === 'POST') {
    response.setHeader('X-Subject-Token', `service-${process.pid}-${Date.now()}`);
    return send(response, 201, tokenOf('service', request));
  }
  const owner = ownerOf(String(request.headers['x-subject-token'] ?? ''));
  if (owner === null) return send(response, 404, { error: { code: 404, message: 'Failed to validate token' } });
  send(response, 200, tokenOf(owner, request));
}

/** Their id in Keystone, which Nova keeps with what they ask for. */
export function userOf(owner: 'caller' | 'service'): string {
  return `user-${owner}`;
}

function tokenOf(name: 'caller' | 'service', request: IncomingMessage): unknown {
  const url = `http://${request.headers.host}/placement`;
  return {
    token: {
      expires_at: new Date(Date.now() + TOKEN_LIFE_MS).toISOString(),
      user: { id: userOf(name), name, domain: { id: 'default', name: 'Default' } },
      project: { id: 'project', name: 'project' },
      roles: [{ id: 'r1', name: 'admin' }],
      catalog: [{ type: 'placement', endpoints: [{ interface: 'public', region_id: 'one', url }] }],
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
