import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { makePki } from '../lab/pki.ts';
import { giveToService } from '../lab/service.ts';
import { type Answer, errorCode, HOST, lease, Rig } from './rig.ts';

const rig = new Rig();
let before = '';
const READER = 'lese-rät ✓; $(id)';

beforeAll(async () => {
  await rig.start();
  await makePki(join(rig.dir, 'pki'), {
    hosts: [],
    clients: [
      'stranger',
      { name: 'reader', subject: `/O=Ops/CN=${READER}` },
      { name: 'two', subject: '/CN=plugin/CN=stranger' },
      { name: 'nameless', subject: '/O=plugin' },
    ],
  });
  before = await rig.snapshot();
  await rig.startDaemon({ clients: { plugin: 'reserve', [READER]: 'read' } });
});
afterAll(() => rig.stop());

const text = ({ json }: Answer) => String(json?.error.message);

describe('a client', () => {
  it('that may reserve may read too', async () => {
    expect((await rig.call('GET', '/v1/leases')).status).toBe(200);
    expect((await rig.call('PUT', '/v1/leases/a', lease(100, 40))).status).toBe(200);
  });

  it('that may read reads everything and changes nothing', async () => {
    for (const path of [
      '/v1/host',
      '/v1/sample',
      '/v1/history',
      '/v1/leases',
      '/v1/migrations',
      '/healthz',
      '/metrics',
    ])
      expect((await rig.call('GET', path, undefined, 'reader')).status, path).toBe(200);
    const put = await rig.call('PUT', '/v1/leases/b', lease(10, 40), 'reader');
    expect([put.status, errorCode(put)]).toEqual([403, 'forbidden']);
    expect(text(put)).toContain(`Set ${JSON.stringify(READER)}: reserve under "clients"`);
    expect((await rig.call('DELETE', '/v1/leases/a?fence=1', undefined, 'reader')).status).toBe(403);
    // The role is asked for before the body is looked at.
    expect((await rig.call('PUT', '/v1/leases/b', 'not json', 'reader')).status).toBe(403);
    expect(await rig.leasesOnDisk()).toEqual(['a']);
    expect((await rig.call('DELETE', '/v1/leases/a?fence=1')).status).toBe(204);
    expect(await rig.snapshot()).toBe(before);
  });

  it.each([
    ['stranger', 'Add "stranger": read under "clients"'],
    ['two', '2 common names'],
    ['nameless', 'no common name'],
  ])('%s is told what is missing, whatever it asks for', async (client, why) => {
    for (const [method, path] of [
      ['GET', '/v1/host'],
      ['PUT', '/v1/leases/a'],
      ['GET', '/nowhere'],
    ] as const) {
      const answer = await rig.call(method, path, undefined, client);
      expect([answer.status, errorCode(answer)], `${method} ${path}`).toEqual([403, 'forbidden']);
      expect(text(answer)).toContain(why);
    }
  });
});

describe('a reload', () => {
  it('takes up new clients, and keeps the old ones where the file is wrong', async () => {
    const file = join(rig.dir, 'hostd.yaml');
    const config = await readFile(file, 'utf8');
    await writeFile(file, stringify({ ...parse(config), clients: { plugin: 'reserve', stranger: 'read' } }));
    rig.daemon?.kill('SIGHUP');
    await expect.poll(async () => (await rig.call('GET', '/v1/host', undefined, 'stranger')).status).toBe(200);
    expect((await rig.call('GET', '/v1/host', undefined, 'reader')).status).toBe(403);
    await writeFile(file, 'clients: [');
    rig.daemon?.kill('SIGHUP');
    await expect.poll(() => rig.log).toContain('Cannot reload: hostd goes on as before');
    expect((await rig.call('GET', '/v1/host', undefined, 'stranger')).status).toBe(200);
    await writeFile(file, config);
    rig.daemon?.kill('SIGHUP');
    await expect.poll(async () => (await rig.call('GET', '/v1/host', undefined, 'reader')).status).toBe(200);
  });

  it('of certificates needs no signal, and shuts out who held one of the old CA', async () => {
    const stream = rig.listen('/v1/events?vms=0');
    await expect.poll(() => stream.events('migrations').length).toBe(1);
    const pki = join(rig.dir, 'pki');
    const fresh = join(rig.dir, 'fresh');
    await makePki(fresh, { hosts: [{ name: 'here', address: HOST }], clients: ['plugin'] });
    await copyFile(join(pki, 'plugin.crt'), join(pki, 'late.crt'));
    await copyFile(join(pki, 'plugin.key'), join(pki, 'late.key'));
    // One after the other, as certificate managers do: for a moment key and certificate do not fit each other.
    for (const file of ['here.key', 'here.crt', 'ca.crt', 'plugin.crt', 'plugin.key']) {
      await copyFile(join(fresh, file), join(pki, `${file}.new`));
      giveToService(pki);
      await rename(join(pki, `${file}.new`), join(pki, file));
    }
    await expect
      .poll(async () => (await rig.call('GET', '/v1/host')).status, { timeout: 15_000, interval: 500 })
      .toBe(200);
    expect((await rig.call('GET', '/v1/host', undefined, 'late')).status).toBe(0);
    // The stream was opened with a certificate of the old CA.
    await expect.poll(() => stream.text).toContain(': end');
    expect((await rig.call('GET', '/healthz')).text).not.toContain('ertificates');
  });

  it('of a certificate that does not fit its key is refused, said, and put right by the next one', async () => {
    const pki = join(rig.dir, 'pki');
    await copyFile(join(pki, 'plugin.key'), join(pki, 'here.key'));
    giveToService(pki);
    rig.daemon?.kill('SIGHUP');
    await expect
      .poll(async () => (await rig.call('GET', '/healthz')).text)
      .toContain('The certificates on disk cannot be taken up');
    expect((await rig.call('GET', '/v1/host')).status).toBe(200);
    await copyFile(join(rig.dir, 'fresh', 'here.key'), join(pki, 'here.key'));
    giveToService(pki);
    rig.daemon?.kill('SIGHUP');
    await expect.poll(async () => (await rig.call('GET', '/healthz')).text).not.toContain('ertificates');
  });
});
