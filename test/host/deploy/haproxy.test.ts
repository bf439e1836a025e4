import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { Stand } from './stand.ts';

/** plugin/deploy/haproxy.cfg as it is shipped, under Debian's HAProxy. */
const stand = new Stand();
const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const PROJECT = '6f70656e737461636b20636c69656e74';
const LIST = `/v2.1/servers/${VM}/migrations`;
const MIGRATE = Buffer.from('{"os-migrateLive": {"host": null, "block_migration": "auto"}}');
const JSON_BODY = ['Content-Type', 'application/json'];

beforeAll(() => stand.start());
afterAll(() => stand.stop());

const wayOf = async (method: string, target: string, body: Buffer | null = null) =>
  (await stand.send(method, target, body, body ? JSON_BODY : [])).headers['x-answered-by'];

describe('the way of a request', () => {
  it.each([
    ['POST', `/v2.1/servers/${VM}/action`],
    ['POST', `/v2.1/${PROJECT}/servers/${VM}/action`],
    ['POST', `/v2/servers/${VM}/action`],
    ['POST', `/compute/v2.1/servers/${VM}/action`],
    ['GET', LIST],
    ['GET', `${LIST}/7`],
    ['DELETE', `${LIST}/7`],
    ['POST', `${LIST}/7/action`],
    ['GET', '/v2.1/os-migrations'],
    ['GET', '/v2.1/os-migrations?limit=1&marker=x'],
    // Other spellings of the same, which Nova takes.
    ['POST', `/v2.1/servers/${VM}/%61ction`],
    ['POST', `/v2.1//servers//${VM}//action`],
    ['POST', `/v2.1/./servers/${VM}/x/../action`],
    ['POST', `/v2.1/servers%2F${VM}%2Faction`],
    ['POST', `/v2.1/x/%2e%2e/%73ervers/${VM}/action/`],
    ['GET', '/v2.1/%6fs-migrations'],
    ['GET', '/v2.1/servers/../os-migrations'],
    // What shows the state of servers.
    ['GET', '/v2.1/servers/detail?all_tenants=1'],
    ['GET', `/v2.1/servers/${VM}`],
    ['GET', `/v2.1/${PROJECT}/servers/${VM}/?x=/y`],
    ['GET', '/v2.1//servers//%64etail/'],
    ['GET', '/v2.1/servers?limit=1&status=MIGRATING'],
    ['GET', '/v2.1/servers/?task%5Fstate=migrating'],
  ])('leads through Drover: %s %s', async (method, target) => {
    expect(await wayOf(method, target, method === 'POST' ? MIGRATE : null)).toBe('drover');
  });

  it.each([
    ['GET', '/v2.1/servers'],
    ['POST', '/v2.1/servers'],
    ['GET', '/v2.1/servers/'],
    ['POST', '/v2.1/servers?status=MIGRATING'],
    ['GET', '/v2.1/servers?x=status'],
    ['PUT', `/v2.1/servers/${VM}`],
    ['DELETE', `/v2.1/servers/${VM}`],
    ['GET', `/v2.1/servers/${VM}/os-instance-actions`],
    ['GET', '/v2.1/servers?name=/servers/x/action'],
    ['GET', '/v2.1/flavors/detail'],
    ['GET', '/v2.1/os-hypervisors/detail'],
    ['GET', '/v2.1/os-services'],
    ['POST', '/v2.1/flavors/1/action'],
  ])('leads past it: %s %s', async (method, target) => {
    expect(await wayOf(method, target, method === 'POST' ? MIGRATE : null)).toBe('nova');
  });
});

describe('what Nova gets', () => {
  it.each([
    `/v2.1//servers/${VM}/%61ction?a=%2F&b=+`,
    `/v2.1/servers/${VM}/x/../action`,
    '/v2.1/%73ervers/../flavors?x',
  ])('is the target as the client wrote it: %s', async (target) => {
    await stand.send('POST', target, MIGRATE, JSON_BODY);
    expect([...stand.behindDrover.seen, ...stand.direct.seen].filter((seen) => seen.target === target)).toHaveLength(1);
  });

  it.each([
    ['with a length', []],
    ['in chunks', ['Transfer-Encoding', 'chunked']],
  ])('is every byte of a body of 1 MiB %s, and so it comes back', async (_name, framing) => {
    const body = Buffer.alloc(1024 * 1024, 'x\r\n0\r\n\r\n\0\xff', 'latin1');
    const target = `/v2.1/servers/${VM}/action?${framing.length}`;
    const reply = await stand.send('POST', target, body, ['Content-Type', 'text/plain', ...framing]);
    expect(reply.headers['x-answered-by']).toBe('drover');
    expect(reply.body.equals(body)).toBe(true);
    expect(stand.behindDrover.seen.find((seen) => seen.target === target)?.body.equals(body)).toBe(true);
  });

  it('is every header field in its order, with the addresses of client and HAProxy, scheme and name added', async () => {
    const sent = [
      'X-Auth-Token',
      'gAAAA=',
      'OpenStack-API-Version',
      'compute 2.93',
      'X-Twice',
      'one',
      'X-Twice',
      'two',
    ];
    await stand.send('GET', `${LIST}?headers`, null, sent);
    const { rawHeaders = [] } = stand.behindDrover.seen.find((seen) => seen.target.endsWith('?headers')) ?? {};
    // HAProxy writes names of fields in small letters, which mean the same (RFC 9110 section 5.1).
    const lower = (fields: string[]) => fields.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));
    const hopAt = rawHeaders.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'connection');
    const got = lower(rawHeaders).filter((_, i) => hopAt < 0 || i < hopAt || i > hopAt + 1);
    const host = 'nova.example:8774';
    const forwarded = [
      'X-Forwarded-For',
      '127.0.0.1, 127.0.0.1',
      'X-Forwarded-Proto',
      'http',
      'X-Forwarded-Host',
      host,
    ];
    expect(got).toEqual(lower(['Host', host, ...sent, ...forwarded]));
  });
});

test('bytes above ASCII in a target are refused by HAProxy itself', async () => {
  expect((await stand.send('GET', '/v2.1/servers?name=gr\xf6\xdfe')).status).toBe(400);
});

describe('while Drover is gone', () => {
  const droverAnswers = () => wayOf('GET', LIST);

  it('Nova answers, with no error in between, and a migration that was under way is not sent twice', async () => {
    const reading = stand.send('GET', `${LIST}/held`);
    const migrating = stand.send('POST', `/v2.1/servers/${VM}/action?x=/held`, MIGRATE, JSON_BODY);
    const arrived = () => stand.behindDrover.seen.filter((seen) => seen.target.includes('/held')).length;
    await expect.poll(arrived).toBe(2);
    stand.direct.release();

    const ended = once(stand.drover ?? process, 'exit');
    stand.drover?.kill('SIGKILL');
    await ended;
    const killedMs = Date.now();
    for (let i = 0; i < 40; i += 1) {
      const reply = await stand.send('POST', `/v2.1/servers/${VM}/action?${i}`, MIGRATE, JSON_BODY);
      expect([reply.status, reply.headers['x-answered-by']]).toEqual([200, 'nova']);
    }
    expect(Date.now() - killedMs).toBeLessThan(20_000);

    // What only reads was asked again, of Nova.
    const read = await reading;
    expect([read.status, read.headers['x-answered-by']]).toEqual([200, 'nova']);
    // Whether Drover had passed it on, HAProxy cannot know: the client hears that, and Nova got it once.
    expect((await migrating).status).toBe(502);
    const twice = stand.direct.seen.filter((seen) => seen.target.includes('x=/held'));
    expect(twice).toEqual([]);
  });

  it('and Drover answers again once it is back', async () => {
    await stand.startDrover();
    await expect.poll(droverAnswers, { timeout: 10_000, interval: 100 }).toBe('drover');
  });

  it('Nova answers too while Drover hangs, once the health checks have seen it', async () => {
    stand.drover?.kill('SIGSTOP');
    try {
      // Each waits at most a second: what went to the one that hangs before that is lost time for its client.
      const way = () => Promise.race([droverAnswers(), new Promise((done) => setTimeout(done, 1000, 'none'))]);
      await expect.poll(way, { timeout: 15_000, interval: 100 }).toBe('nova');
    } finally {
      stand.drover?.kill('SIGCONT');
    }
    await expect.poll(droverAnswers, { timeout: 10_000, interval: 100 }).toBe('drover');
  });
});
