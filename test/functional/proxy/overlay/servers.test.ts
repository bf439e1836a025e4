import type { IncomingMessage, ServerResponse } from 'node:http';
import { beforeEach, describe, expect, test } from 'vitest';
import type { MigrationsSource } from '../../../../plugin/proxy/overlay/request.ts';
import { pythonJson } from '../../../../plugin/proxy/overlay/views.ts';
import { backend, proxyBefore, rawExchange, VM } from '../rig.ts';

const OTHER = '2a0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const TASK = 'OS-EXT-STS:task_state';

let migrating: Set<string>;
let states: Record<string, [string, string | null]>;
let asked: string[];
/** Happens after Nova has read its database and before it answers. */
let meanwhile: () => void;
let answerWith: ((request: IncomingMessage, response: ServerResponse) => void) | null;
let novaPort: number;
let port: number;

beforeEach(async () => {
  migrating = new Set([VM]);
  states = { [VM]: ['ACTIVE', null], [OTHER]: ['ACTIVE', null] };
  asked = [];
  meanwhile = () => {};
  answerWith = null;
  novaPort = (await backend(nova)).port;
  const migrations: MigrationsSource = {
    waiting: async () => [],
    ended: async () => [],
    migrating: () => new Set(migrating),
    novaId: async () => null,
    stateAllows: async () => true,
    abort: async () => false,
  };
  port = (await proxyBefore(novaPort, null, {}, { migrations })).port;
});

function nova(request: IncomingMessage, response: ServerResponse): void {
  asked.push(`${request.method} ${request.url}`);
  if (answerWith) {
    answerWith(request, response);
    return;
  }
  const view = (id: string) => {
    const [status = '', task = null] = states[id] ?? [];
    return { id, name: 'größe', status, [TASK]: task, 'OS-EXT-STS:vm_state': 'active', progress: 0 };
  };
  const last = request.url?.replace(/\?.*/, '').split('/').at(-1) ?? '';
  const document = last in states ? { server: view(last) } : { servers: Object.keys(states).map(view) };
  const text = pythonJson(document);
  meanwhile();
  response.sendDate = false;
  response.writeHead(200, ['Content-Length', String(text.length), 'Content-Type', 'application/json', 'x-a', 'b']);
  response.end(text);
}

const get = (at: number, path: string, more: string[] = []) =>
  rawExchange(at, ['GET /v2.1', path, ' HTTP/1.1\r\nHost: nova\r\n', ...more, 'Connection: close\r\n\r\n'].join(''));

const asIfTaken = (text: string, id: string) =>
  text.replace(
    new RegExp(`("id": "${id}".*?"status": )"ACTIVE", "${TASK}": null`),
    `$1"MIGRATING", "${TASK}": "migrating"`,
  );

describe('a server whose migration waits', () => {
  test.each([`/servers/${VM}`, '/servers/detail', '/servers/detail?all_tenants=1&status=ACTIVE'])(
    'is MIGRATING in GET %s, and that is all that is changed',
    async (path) => {
      const direct = await get(novaPort, path);
      const through = await get(port, path);
      const body = asIfTaken(direct.body, VM);
      expect(body).not.toBe(direct.body);
      expect(through.body).toBe(body);
      expect(through.statusLine).toBe(direct.statusLine);
      expect(through.headers).toEqual(
        direct.headers.map((line) => (/^content-length/i.test(line) ? `Content-Length: ${body.length}` : line)),
      );
      expect(asked).toHaveLength(2);
    },
  );

  test('is not ACTIVE in the answer during which it became Nova’s', async () => {
    meanwhile = () => {
      states[VM] = ['MIGRATING', 'migrating'];
      migrating.delete(VM);
    };
    expect((await get(port, `/servers/${VM}`)).body).toContain('"MIGRATING"');
    expect((await get(port, `/servers/${VM}`)).body).toContain('"MIGRATING"');
  });

  test('is what Nova says as soon as it waits no more', async () => {
    migrating.clear();
    for (const path of [`/servers/${VM}`, '/servers/detail']) {
      expect(await get(port, path)).toEqual(await get(novaPort, path));
    }
  });
});

describe('every other answer is Nova’s, to the byte', () => {
  test.each([`/servers/${OTHER}`, '/servers', `/servers/${VM}/os-interface`, '/flavors/detail'])(
    'of GET %s',
    async (path) => {
      expect(await get(port, path)).toEqual(await get(novaPort, path));
    },
  );

  test.each<[string, (response: ServerResponse) => void]>([
    ['a refusal', (response) => response.writeHead(404).end(`{"itemNotFound": {"message": "${VM}"}}`)],
    ['what is no JSON', (response) => response.writeHead(200).end(`<server id="${VM}" status="ACTIVE"/>`)],
    ['what is compressed', (response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(`zip ${VM}`)],
    [
      'what is too long to be kept',
      (response) => response.writeHead(200).end(`{"server": {"id": "${VM}", "x": "${'x'.repeat(17 * 2 ** 20)}"}}`),
    ],
  ])('also %s', async (_name, answer) => {
    answerWith = (_request, response) => answer(response);
    const strip = ({ statusLine, body }: { statusLine: string; body: string }) => ({ statusLine, body });
    expect(strip(await get(port, `/servers/${VM}`))).toEqual(strip(await get(novaPort, `/servers/${VM}`)));
  });

  test('of one that is asked for in chunks, in which it comes too', async () => {
    answerWith = (_request, response) => {
      response.write(`{"server": {"id": "${VM}", "status": `);
      response.end('"ACTIVE"}}');
    };
    expect((await get(port, `/servers/${VM}`)).body).toBe(`{"server": {"id": "${VM}", "status": "MIGRATING"}}`);
  });

  test('a Nova that is gone is told as ever', async () => {
    answerWith = (request) => request.socket.destroy();
    expect((await get(port, `/servers/${VM}`)).statusLine).toBe('HTTP/1.1 502 Bad Gateway');
  });
});
