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
/** nova.conf [api]max_limit */
let maxLimit: number;
/** Happens after Nova has read its database and before it answers. */
let meanwhile: () => void;
let answerWith: ((request: IncomingMessage, response: ServerResponse) => void) | null;
let novaPort: number;
let port: number;

beforeEach(async () => {
  migrating = new Set([VM]);
  states = { [VM]: ['ACTIVE', null], [OTHER]: ['ACTIVE', null] };
  asked = [];
  maxLimit = 1000;
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
  const { pathname, searchParams } = new URL(request.url ?? '', `http://${request.headers.host}`);
  const last = pathname.split('/').at(-1) ?? '';
  const document = last in states ? { server: view(last) } : listOf(pathname, searchParams, view);
  const text = pythonJson(document);
  meanwhile();
  response.sendDate = false;
  response.writeHead(200, ['Content-Length', String(text.length), 'Content-Type', 'application/json', 'x-a', 'b']);
  response.end(text);
}

/** A list as Nova makes it: filters, marker, limit (two at most), link. */
function listOf(path: string, query: URLSearchParams, view: (id: string) => object) {
  const statuses = query.getAll('status').map((status) => status.toUpperCase());
  const isWanted = ([, [status, task]]: [string, [string, string | null]]) =>
    // A status without a task stands for its vm_state, whatever the task.
    (statuses.length === 0 || statuses.includes(status) || (statuses.includes('ACTIVE') && status === 'MIGRATING')) &&
    (!query.has('task_state') || task === query.get('task_state'));
  const ids = Object.keys(states);
  const after = ids.indexOf(query.get('marker') ?? '');
  const found = Object.entries(states)
    .filter((one) => isWanted(one) && ids.indexOf(one[0]) > after)
    .map(([id]) => id);
  const limit = Math.min(Number(query.get('limit') ?? maxLimit), maxLimit);
  const page = found.slice(0, limit);
  const links = (id: string) => ({ links: [{ rel: 'self', href: `http://nova/v2.1/servers/${id}` }] });
  const next = [...query].filter(([name]) => name !== 'marker').sort(([a], [b]) => (a < b ? -1 : 1));
  const href = `http://nova${path}?${new URLSearchParams([...next, ['marker', page.at(-1) ?? '']])}`;
  return {
    servers: page.map((id) => ({ ...(path.endsWith('detail') ? view(id) : { id }), ...links(id) })),
    ...(page.length === limit ? { servers_links: [{ rel: 'next', href }] } : {}),
  };
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

describe('a list of migrating servers only', () => {
  const ids = Array.from({ length: 6 }, (_, n) => `${n}${VM.slice(1)}`);
  const [running = '', waits = '', still = '', paused = '', reboots = ''] = ids;

  beforeEach(() => {
    states = Object.fromEntries(ids.map((id) => [id, ['ACTIVE', null]]));
    states[running] = ['MIGRATING', 'migrating'];
    states[paused] = ['PAUSED', null];
    states[reboots] = ['REBOOT', 'rebooting'];
    migrating = new Set([waits, paused, reboots]);
  });

  /** What a Nova that had these migrations itself would answer. */
  async function asIfNovas(path: string): Promise<unknown> {
    const before = { ...states };
    for (const id of [waits, paused]) states[id] = ['MIGRATING', 'migrating'];
    const { statusLine, body } = await get(novaPort, path);
    states = before;
    return { statusLine, body };
  }

  test.each([
    'status=MIGRATING',
    'task_state=migrating&all_tenants=1',
    'status=migrating&limit=5',
    'limit=3&status=MIGRATING',
    'limit=2&status=MIGRATING',
    'limit=1&status=MIGRATING',
    `limit=1&marker=${running}&status=MIGRATING`,
    `limit=5&marker=${still}&status=MIGRATING`,
    `marker=${paused}&status=MIGRATING`,
    'status=ACTIVE&status=PAUSED&task_state=migrating',
  ])('has those that wait in Nova’s order: ?%s', async (query) => {
    const { statusLine, body } = await get(port, `/servers/detail?${query}`);
    expect({ statusLine, body }).toEqual(await asIfNovas(`/servers/detail?${query}`));
  });

  test('also without details, in which one that does something else now cannot be told', async () => {
    delete states[reboots];
    const { body } = await get(port, '/servers?status=MIGRATING');
    expect({ statusLine: 'HTTP/1.1 200 OK', body }).toEqual(await asIfNovas('/servers?status=MIGRATING'));
  });

  test('comes as Nova gives it where the wider one is longer than Nova lists at once', async () => {
    maxLimit = 3;
    const path = '/servers/detail?status=MIGRATING';
    expect(await get(port, path)).toEqual(await get(novaPort, path));
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
