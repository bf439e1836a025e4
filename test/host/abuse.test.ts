import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makePki } from '../lab/pki.ts';
import { lease, Rig } from './rig.ts';

const rig = new Rig();
let before = '';

beforeAll(async () => {
  await rig.start();
  const pki = join(rig.dir, 'pki');
  await makePki(pki, { hosts: [], clients: ['reader'] });
  const other = join(rig.dir, 'other');
  await makePki(other, { hosts: [], clients: ['plugin'] });
  // The right name, and the wrong CA.
  for (const suffix of ['crt', 'key']) await copyFile(join(other, `plugin.${suffix}`), join(pki, `foreign.${suffix}`));
  before = await rig.snapshot();
  await rig.startDaemon({ clients: { plugin: 'reserve', reader: 'read' } });
});
afterAll(() => rig.stop());

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${rig.daemon?.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

const openFiles = async () => Number(/^process_open_fds (\d+)$/m.exec((await rig.call('GET', '/metrics')).text)?.[1]);

it('10,000 calls of clients that may not are refused, while one that may is answered', async () => {
  const put = { method: 'PUT', path: '/v1/leases/evil', body: JSON.stringify(lease(100, 40)) };
  await rig.call('GET', '/v1/host');
  const files = await openFiles();
  let done = false;
  let peakBytes = 0;
  const watch = (async () => {
    while (!done) {
      peakBytes = Math.max(peakBytes, await residentBytes());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const startedAt = performance.now();
  const floods = [
    rig.flood({ ...put, client: null, count: 1000, width: 8, keepAlive: false }),
    rig.flood({ ...put, client: 'foreign', count: 1000, width: 8, keepAlive: false }),
    rig.flood({ ...put, client: 'reader', count: 8000, width: 8, keepAlive: true }),
  ];
  const authorised = { method: 'GET', path: '/v1/sample', client: 'plugin', width: 1, keepAlive: true, count: 0 };
  const good = rig.flood({ ...authorised, forMs: 5000 });
  const [none, foreign, reader] = await Promise.all(floods);
  const tookMs = performance.now() - startedAt;
  const { outcomes, latenciesMs } = await good;
  done = true;
  await watch;

  // TLS's own word where there is no certificate; a connection that ends where it is another CA's; 403 with its reason.
  expect(none?.outcomes).toEqual({ ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 1000 });
  expect(Object.keys(foreign?.outcomes ?? {})).toEqual(['ECONNRESET']);
  expect(foreign?.outcomes.ECONNRESET).toBe(1000);
  expect(reader?.outcomes).toEqual({ 403: 8000 });
  expect(reader?.texts['403']).toContain('Set \\"reader\\": reserve');

  expect(Object.keys(outcomes)).toEqual(['200']);
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN;
  const figures = {
    tookMs,
    calls: latenciesMs.length,
    p50: at(0.5),
    p99: at(0.99),
    max: latenciesMs.at(-1),
    peakBytes,
  };
  console.log('authorised client beside the flood', figures);
  expect(at(0.99)).toBeLessThan(3000);

  expect(peakBytes).toBeLessThan(250e6);
  expect(Buffer.byteLength(rig.log)).toBeLessThan(50_000);
  expect(rig.log.match(/TLS handshake refused/g)?.length).toBeLessThan(50);
  const metrics = (await rig.call('GET', '/metrics')).text;
  expect(metrics).toContain('drover_hostd_refused_handshakes_total 2000');
  expect(metrics).toContain('drover_hostd_answers_total{method="PUT",route="/v1/leases/{leaseId}",status="403"} 8000');
  await expect.poll(openFiles).toBeLessThanOrEqual(files + 1);
  expect(await rig.leasesOnDisk()).toEqual([]);
  expect(await rig.snapshot()).toBe(before);
});
