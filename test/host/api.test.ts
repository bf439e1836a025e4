import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Health, HistoryAnswer, HostInfo, HostSample, LeasesAnswer, MigrationsAnswer } from '../../hostd/contract.ts';
import { makePki } from '../lab/pki.ts';
import { readExposition } from '../unit/hostd/api/read-exposition.ts';
import { errorCode, LINK_MEGABITS, lease, Rig } from './rig.ts';

const rig = new Rig();
let before = '';

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
  await rig.startDaemon();
});
afterAll(() => rig.stop());

describe('mutual TLS', () => {
  it('lets nobody in without a certificate, or with one of another CA', async () => {
    const other = join(rig.dir, 'other');
    await makePki(other, { hosts: [], clients: ['stranger'] });
    const { readFile } = await import('node:fs/promises');
    for (const suffix of ['crt', 'key']) {
      await writeFile(join(rig.dir, 'pki', `stranger.${suffix}`), await readFile(join(other, `stranger.${suffix}`)));
    }
    for (const client of [null, 'stranger']) {
      expect((await rig.call('GET', '/v1/host', undefined, client)).status, String(client)).toBe(0);
    }
    expect((await rig.call('GET', '/v1/host')).status).toBe(200);
  });
});

describe('every call', () => {
  it("answers in the contract's words", async () => {
    const { shapeableBitsPerSecond } = HostInfo.parse((await rig.call('GET', '/v1/host')).json);
    expect(shapeableBitsPerSecond).toBe(LINK_MEGABITS * 1e6 * 0.96 - 5e6);
    HostSample.parse((await rig.call('GET', '/v1/sample')).json);
    MigrationsAnswer.parse((await rig.call('GET', '/v1/migrations')).json);
    LeasesAnswer.parse((await rig.call('GET', '/v1/leases')).json);
    Health.parse((await rig.call('GET', '/healthz')).json);
  });

  it('tells the history of the seconds asked for', async () => {
    await expect
      .poll(async () => HistoryAnswer.parse((await rig.call('GET', '/v1/history')).json).entries.length)
      .toBeGreaterThan(2);
    const { nowMs, entries } = HistoryAnswer.parse((await rig.call('GET', '/v1/history?seconds=2')).json);
    expect(entries.length).toBeGreaterThan(0);
    for (const { atMs } of entries) expect(nowMs - atMs).toBeLessThan(2100);
  });

  it('tells figures that Prometheus reads', async () => {
    const answer = await rig.call('GET', '/metrics');
    const families = readExposition(answer.text);
    const value = (name: string) => families.get(name)?.samples[0]?.value;
    expect(value('drover_hostd_link_bytes_per_second')).toBe((LINK_MEGABITS * 1e6) / 8);
    expect(value('drover_hostd_nic_bytes_total')).toBeGreaterThan(0);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(10e6);
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
    const expiry = value('drover_hostd_certificate_expiry_timestamp_seconds') ?? 0;
    expect(expiry).toBeGreaterThan(Date.now() / 1000);
    const problem = families.get('drover_hostd_problem')?.samples.find(({ labels }) => labels.part === 'libvirt');
    expect(problem?.value).toBe(1);
  });

  it('streams samples and migrations until hostd ends', async () => {
    const stream = rig.listen('/v1/events?vms=0');
    await expect.poll(() => stream.events('sample').length).toBeGreaterThan(1);
    HostSample.parse(stream.events('sample')[0]);
    MigrationsAnswer.parse(stream.events('migrations')[0]);
    expect(stream.text).toContain(': status 200 text/event-stream');
    await rig.killDaemon('SIGTERM');
    await expect.poll(() => stream.text).toContain(': end');
    await rig.startDaemon();
  });

  it('waits for a change of the migrations, and not longer than asked', async () => {
    const { revision } = (await rig.call('GET', '/v1/migrations')).json;
    const startedAt = performance.now();
    expect((await rig.call('GET', `/v1/migrations?after=${revision}&waitMs=600`)).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThan(590);
  });
});

describe('bad input', () => {
  const good = lease(100, 40);
  const faster = (rate: number) => ({
    ...good,
    tx: { ...good.tx, migration: { rateBitsPerSecond: rate, ceilBitsPerSecond: rate, prio: 1 } },
  });

  it.each<[string, string, unknown, number, string]>([
    ['PUT', '/v1/leases/a', 'not json', 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', {}, 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', { ...good, surprise: 1 }, 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', faster(0), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', faster(-1), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', JSON.stringify(good).replace('100000000', 'NaN'), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', JSON.stringify(good).replace('100000000', '1e999'), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', JSON.stringify(good).replace('100000000', '"100000000"'), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', JSON.stringify(good).replace('100000000', 'null'), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', '['.repeat(60_000), 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', faster(LINK_MEGABITS * 1e6 + 1), 422, 'lease-rates-invalid'],
    ['PUT', '/v1/leases/a', lease(150, 50), 422, 'lease-rates-invalid'],
    ['PUT', '/v1/leases/a%2F..%2Fb', good, 400, 'request-invalid'],
    ['PUT', '/v1/leases/%ff', good, 400, 'request-invalid'],
    ['PUT', '/v1/leases/%24(id)', good, 400, 'request-invalid'],
    ['PUT', '/v1/leases/%3Breboot', good, 400, 'request-invalid'],
    ['PUT', '/v1/leases/a%00', good, 400, 'request-invalid'],
    ['PUT', '/v1/leases/a%0Ab', good, 400, 'request-invalid'],
    ['PUT', `/v1/leases/${'a'.repeat(65)}`, good, 400, 'request-invalid'],
    ['DELETE', '/v1/leases/%2e%2e%2fleases.json?fence=1', undefined, 404, 'lease-unknown'],
    ['DELETE', '/v1/leases/a?fence=NaN', undefined, 400, 'request-invalid'],
    ['DELETE', '/v1/leases/a?fence=-1', undefined, 400, 'request-invalid'],
    ['PUT', '/v1/leases/a', JSON.stringify({ ...good, holder: 'x'.repeat(2e6) }), 413, 'body-too-large'],
    ['PUT', '/v1/leases/a', ' '.repeat(100_000), 413, 'body-too-large'],
    ['POST', '/v1/leases/a', good, 405, 'method-not-allowed'],
    ['DELETE', '/v1/leases/a?fence=1', undefined, 404, 'lease-unknown'],
    ['GET', '/v1/migrations?waitMs=99999', undefined, 400, 'request-invalid'],
    ['GET', '/v1/history?seconds=0', undefined, 400, 'request-invalid'],
    ['GET', '/v1/history?seconds=601', undefined, 400, 'request-invalid'],
    ['GET', '/v1/history?vm=..', undefined, 400, 'request-invalid'],
    ['GET', '/v1/events?vms=2', undefined, 400, 'request-invalid'],
    ['DELETE', '/v1/leases/a', undefined, 400, 'request-invalid'],
    ['GET', '/v2/host', undefined, 404, 'route-unknown'],
    ['GET', '/constructor', undefined, 404, 'route-unknown'],
  ])('%s %s with a fault in it', async (method, path, body, status, code) => {
    const answer = await rig.call(method, path, body);
    expect([answer.status, errorCode(answer)]).toEqual([status, code]);
  });

  it('left nothing behind', async () => {
    expect(await rig.snapshot()).toBe(before);
    expect(await rig.leasesOnDisk()).toEqual([]);
  });
});

describe('a lease', () => {
  it('is not renewed by another holder than its own', async () => {
    await rig.call('PUT', '/v1/leases/mine', lease(100, 40, { holder: 'me' }));
    expect(errorCode(await rig.call('PUT', '/v1/leases/mine', lease(10, 40, { holder: 'you' })))).toBe('lease-held');
    expect((await rig.call('DELETE', '/v1/leases/mine?fence=1')).status).toBe(204);
  });
});
