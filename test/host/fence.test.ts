import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeaseRequest } from '../../hostd/contract.ts';
import { type Answer, errorCode, lease, Rig } from './rig.ts';

const rig = new Rig();
let before = '';

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
  await rig.startDaemon();
});
afterAll(() => rig.stop());

function put(changes: Partial<LeaseRequest>, client = 'plugin'): Promise<Answer> {
  return rig.call('PUT', '/v1/leases/a', lease(140, 40, changes), client);
}

/** All that a refusal must leave alone. */
async function everything(): Promise<unknown> {
  const { fence, leases } = (await rig.call('GET', '/v1/leases')).json;
  const kept = leases.map(({ expiresInMs: _, ...rest }: { expiresInMs: number }) => rest);
  return [fence, kept, await rig.tc('class', 'show', 'dev', 'nic0'), await rig.snapshot()];
}

describe('a lower fence than was seen', () => {
  it('changes nothing, nor does another client with the same one, nor another holder', async () => {
    expect((await put({ fence: 7 })).status).toBe(200);
    const stands = await everything();
    for (const [changes, client, code] of [
      [{ fence: 6 }, 'plugin', 'lease-fenced'],
      [{ fence: 6 }, 'plugin-b', 'lease-fenced'],
      [{ fence: 7 }, 'plugin-b', 'lease-held'],
      [{ fence: 7, holder: 'other' }, 'plugin', 'lease-held'],
    ] as const) {
      const answer = await put(changes, client);
      expect([answer.status, errorCode(answer)]).toEqual([409, code]);
    }
    expect(errorCode(await rig.call('DELETE', '/v1/leases/a?fence=6'))).toBe('lease-fenced');
    expect(errorCode(await rig.call('DELETE', '/v1/leases/a?fence=7', undefined, 'plugin-b'))).toBe('lease-held');
    // Not even a lease that is not there may be asked for.
    expect(errorCode(await rig.call('DELETE', '/v1/leases/none?fence=6'))).toBe('lease-fenced');
    expect(await everything()).toEqual(stands);
  });

  it('stays refused after kill -9, and the lease stays that of its owner', async () => {
    await rig.killDaemon();
    await rig.startDaemon();
    const stands = await everything();
    expect(errorCode(await put({ fence: 6 }))).toBe('lease-fenced');
    expect(errorCode(await put({ fence: 7 }, 'plugin-b'))).toBe('lease-held');
    expect(await everything()).toEqual(stands);
  });
});

describe('a higher fence', () => {
  it('takes the lease over, and the old leader is out', async () => {
    const answer = await put({ fence: 8, holder: 'other' }, 'plugin-b');
    expect(answer.json).toMatchObject({ owner: 'plugin-b', fence: 8, holder: 'other' });
    expect(errorCode(await put({ fence: 7 }))).toBe('lease-fenced');
    expect((await rig.call('DELETE', '/v1/leases/a?fence=9')).status).toBe(204);
    expect((await rig.call('GET', '/v1/leases')).json).toEqual({ fence: 9, leases: [] });
    expect(await rig.snapshot()).toBe(before);
  });

  it('that was a mistake is undone as the refusal says', async () => {
    expect((await put({ fence: Number.MAX_SAFE_INTEGER })).status).toBe(200);
    await rig.call('DELETE', `/v1/leases/a?fence=${Number.MAX_SAFE_INTEGER}`);
    const file = /remove (\S+) and start/.exec((await put({ fence: 10 })).text)?.[1];
    expect(file).toBe(join(rig.dir, 'state/fence.json'));
    await rig.killDaemon('SIGTERM');
    await rm(String(file));
    await rig.startDaemon();
    expect((await put({ fence: 10 })).status).toBe(200);
    await rig.call('DELETE', '/v1/leases/a?fence=10');
  });
});
