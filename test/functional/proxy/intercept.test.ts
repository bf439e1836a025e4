import { expect, test } from 'vitest';
import { type LiveMigrateRequest, newRequestId, requestId, type Verdict } from '../../../plugin/proxy/live-migrate.ts';
import { backend, deadPort, migrateRequest, proxyBefore, rawExchange, VM } from './rig.ts';

const BODY = '{"os-migrateLive": {"host": null, "block_migration": "auto"}}';
const V293 = ['OpenStack-API-Version: compute 2.93'];

/** A Nova that answers every action as the real one does, and keeps what it was asked. */
async function nova(status = 202) {
  const asked: { url: string; body: string; token: string | undefined }[] = [];
  const { port } = await backend((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const token = request.headers['x-auth-token'];
      asked.push({ url: request.url ?? '', body: Buffer.concat(chunks).toString(), token: String(token) });
      response.sendDate = false;
      response.writeHead(status, [
        ...['Content-Length', '0', 'Content-Type', 'application/json'],
        ...['OpenStack-API-Version', 'compute 2.93', 'X-OpenStack-Nova-API-Version', '2.93'],
        ...['Vary', 'OpenStack-API-Version', 'Vary', 'X-OpenStack-Nova-API-Version'],
        ...['x-openstack-request-id', 'req-nova', 'x-compute-request-id', 'req-nova'],
      ]);
      response.end();
    });
  });
  return { port, asked };
}

test('a live migration is handed over with everything in it, and `forward` gives Nova’s own answer', async () => {
  const { port: direct, asked } = await nova();
  const seen: LiveMigrateRequest[] = [];
  const { port } = await proxyBefore(direct, async (request) => {
    seen.push(request);
    return { kind: 'forward' };
  });
  const bytes = migrateRequest(BODY, V293);
  const answer = await rawExchange(port, bytes);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({
    serverId: VM,
    host: null,
    blockMigration: 'auto',
    diskOverCommit: null,
    force: null,
    microversion: '2.93',
    token: 'callers-token',
    clientAddress: '127.0.0.1',
    path: `/v2.1/servers/${VM}/action`,
  });
  expect(seen[0]?.rawBody.toString()).toBe(BODY);
  expect(asked).toEqual([{ url: `/v2.1/servers/${VM}/action`, body: BODY, token: 'callers-token' }]);
  expect(answer).toEqual(await rawExchange(direct, bytes));
});

test('`accepted` is written as Nova writes its 202, and Nova is not asked', async () => {
  const { port: direct, asked } = await nova();
  const id = newRequestId();
  const { port } = await proxyBefore(direct, async () => ({ kind: 'accepted', requestId: id, microversion: '2.93' }));
  const answer = await rawExchange(port, migrateRequest(BODY, V293));
  expect(asked).toEqual([]);
  const own = await rawExchange(direct, migrateRequest(BODY, V293));
  expect(id).toMatch(/^req-[0-9a-f-]{36}$/);
  expect(answer).toEqual({ ...own, headers: own.headers.map((line) => line.replace('req-nova', id)) });
});

test('under /v2 an accepted answer has no version headers, as in Nova', async () => {
  const { port: direct } = await nova();
  const { port } = await proxyBefore(direct, async () => ({
    kind: 'accepted',
    requestId: 'req-1',
    microversion: '2.1',
  }));
  const body = '{"os-migrateLive": {"host": null, "block_migration": false, "disk_over_commit": false}}';
  const answer = await rawExchange(port, migrateRequest(body, V293, `/v2/servers/${VM}/action`));
  expect(answer.statusLine).toBe('HTTP/1.1 202 Accepted');
  expect(answer.headers.join('\n')).not.toMatch(/api-version|vary/i);
});

test('forward() asks Nova once, however often it is called, and `answered` passes its answer on', async () => {
  const { port: direct, asked } = await nova(409);
  const ids: (string | null)[] = [];
  const { port } = await proxyBefore(direct, async (_request, forward) => {
    const [first, second] = await Promise.all([forward(), forward()]);
    ids.push(requestId(first), requestId(second));
    return { kind: 'answered', answer: await forward() };
  });
  const bytes = migrateRequest(BODY, V293);
  const answer = await rawExchange(port, bytes);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.body).toBe(BODY);
  expect(ids).toEqual(['req-nova', 'req-nova']);
  expect(answer).toEqual(await rawExchange(direct, bytes));
});

test('a handler that throws leaves the request to Nova and says so in the log', async () => {
  const { port: direct, asked } = await nova();
  const { port, logged } = await proxyBefore(direct, async () => {
    throw new Error('no samples');
  });
  const answer = await rawExchange(port, migrateRequest(BODY, V293));
  expect(answer.statusLine).toBe('HTTP/1.1 202 Accepted');
  expect(asked).toHaveLength(1);
  expect(logged).toContainEqual(
    expect.objectContaining({ msg: 'live migration goes to Nova unmanaged', serverId: VM }),
  );
});

test.each(['throws', 'says forward'])(
  'a handler that has asked Nova and then %s does not make Nova hear it twice',
  async (what) => {
    const { port: direct, asked } = await nova();
    const { port } = await proxyBefore(direct, async (_request, forward): Promise<Verdict> => {
      await forward();
      if (what === 'throws') throw new Error('the disk is full');
      return { kind: 'forward' };
    });
    const answer = await rawExchange(port, migrateRequest(BODY, V293));
    expect(answer.statusLine).toBe('HTTP/1.1 202 Accepted');
    expect(answer.headers).toContain('x-openstack-request-id: req-nova');
    expect(asked).toHaveLength(1);
  },
);

test.each([
  ['an absent Nova', async () => deadPort(), 503, 'upstream-unreachable'],
  [
    'a Nova that hangs up',
    async () => (await backend((request) => void request.socket.destroy())).port,
    502,
    'upstream-interrupted',
  ],
])('forward() before %s rejects, and the client gets an OpenStack fault', async (_name, makePort, status, code) => {
  const failures: unknown[] = [];
  const { port } = await proxyBefore(await makePort(), async (_request, forward) => {
    await forward().catch((error) => failures.push(error.code));
    return { kind: 'forward' };
  });
  const answer = await rawExchange(port, migrateRequest(BODY, V293));
  expect(failures).toEqual([code]);
  expect(answer.statusLine.split(' ')[1]).toBe(String(status));
  const [fault] = Object.values(JSON.parse(answer.body));
  expect(fault).toMatchObject({ code: status, message: expect.stringContaining('Compute API') });
});

test('a client that goes away aborts the signal, but not what forward() has begun', async () => {
  const { port: direct, asked } = await nova();
  const done = Promise.withResolvers<{ aborted: boolean; status: number }>();
  const { port } = await proxyBefore(
    direct,
    async (request, forward) => {
      await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve()));
      const answer = await forward();
      done.resolve({ aborted: request.signal.aborted, status: answer.status });
      return { kind: 'answered', answer };
    },
    { clientHalfClosedMs: 100 },
  );
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(migrateRequest(BODY, V293), () => setTimeout(() => socket.destroy(), 50));
  });
  expect(await done.promise).toEqual({ aborted: true, status: 202 });
  expect(asked).toHaveLength(1);
});

test.each([
  ['two actions', '{"os-migrateLive": {"host": null, "block_migration": "auto"}, "reboot": {"type": "SOFT"}}'],
  ['another action', '{"reboot": {"type": "HARD"}}'],
  ['no JSON', '{"os-migrateLive": '],
  ['a wrong type', '{"os-migrateLive": {"host": 5, "block_migration": "auto"}}'],
  ['nothing', ''],
])('%s passes to Nova untouched', async (_name, body) => {
  const { port: direct, asked } = await nova(400);
  let handled = 0;
  const { port } = await proxyBefore(direct, async () => {
    handled += 1;
    return { kind: 'forward' };
  });
  const answer = await rawExchange(port, migrateRequest(body, V293));
  expect(handled).toBe(0);
  expect(asked.map((one) => one.body)).toEqual([body]);
  expect(answer.statusLine).toBe('HTTP/1.1 400 Bad Request');
});

test('an action in chunks is understood and goes on in chunks', async () => {
  const framing: (string | undefined)[] = [];
  const { port: direct } = await backend((request, response) => {
    framing.push(request.headers['transfer-encoding'], request.headers['content-length']);
    request.pipe(response);
  });
  let handled = 0;
  const { port } = await proxyBefore(direct, async () => {
    handled += 1;
    return { kind: 'forward' };
  });
  const [first, second] = [BODY.slice(0, 20), BODY.slice(20)];
  const answer = await rawExchange(
    port,
    [
      `POST /v2.1/servers/${VM}/action HTTP/1.1`,
      'Host: h',
      'Content-Type: application/json',
      ...V293,
      'Transfer-Encoding: chunked',
      'Connection: close',
      '',
      ...[first.length.toString(16), first, second.length.toString(16), second, '0', '', ''],
    ].join('\r\n'),
  );
  expect(handled).toBe(1);
  expect(framing).toEqual(['chunked', undefined]);
  expect(answer.body).toBe(BODY);
});

test.each([
  ['host twice', '{"os-migrateLive": {"host": "a", "block_migration": "auto", "host": "b"}}'],
  ['host twice, once escaped', '{"os-migrateLive": {"host": "a", "block_migration": "auto", "\\u0068ost": "b"}}'],
])('%s is refused: Nova would take the last one', async (_name, body) => {
  const { port: direct, asked } = await nova();
  const { port } = await proxyBefore(direct, async () => {
    throw new Error('not to be asked');
  });
  const answer = await rawExchange(port, migrateRequest(body, V293));
  expect(answer.statusLine).toBe('HTTP/1.1 400 Bad Request');
  expect(asked).toEqual([]);
});

test.each(['with a length', 'in chunks'])('an action too large to be looked at is refused, %s', async (form) => {
  const { port: direct, asked } = await nova();
  const { port } = await proxyBefore(
    direct,
    async () => {
      throw new Error('not to be asked');
    },
    { actionBodyBytes: 1000 },
  );
  const body = `{"os-migrateLive": ${' '.repeat(200_000)}{"host": null, "block_migration": "auto"}}`;
  const bytes =
    form === 'with a length'
      ? migrateRequest(body)
      : migrateRequest(body)
          .replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')
          .replace(/\r\n\r\n.*$/s, `\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  const answer = await rawExchange(port, bytes);
  expect(answer.statusLine).toBe('HTTP/1.1 413 Payload Too Large');
  expect(asked).toEqual([]);
});

test('forward() asks once more when the connection to Nova stands whether the request may still go', async () => {
  const { port: direct, asked } = await nova();
  const seen: boolean[] = [];
  const { port } = await proxyBefore(direct, async (_request, forward) => {
    const mayGo = () => {
      seen.push(true);
      return asked.length > 0;
    };
    await expect(forward(mayGo)).rejects.toMatchObject({ code: 'upstream-unreachable' });
    return { kind: 'forward' };
  });
  const answer = await rawExchange(port, migrateRequest(BODY, V293));
  expect(answer.statusLine).toMatch(/^HTTP\/1\.1 503 /);
  expect(seen).not.toEqual([]);
  expect(asked).toEqual([]);
});
