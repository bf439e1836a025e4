import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from '../../../plugin/config.ts';
import type { Notice } from '../../../plugin/contract.ts';
import { type RunningPlugin, startPlugin } from '../../../plugin/main.ts';
import { putPolicy } from '../../policy-file.ts';
import { deadPort } from '../proxy/rig.ts';

const SEED = readFileSync(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

let folder = '';
let plugin: RunningPlugin | null = null;

/** A whole plugin, but for a cloud: there is no compute host, and nobody answers for Nova and Keystone. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-notices-'));
  for (const name of ['password', 'ca.crt', 'plugin.crt', 'plugin.key']) writeFileSync(join(folder, name), 'x');
  putPolicy(join(folder, 'policy.yaml'), SEED);
  mkdirSync(join(folder, '.git'));
  writeFileSync(join(folder, '.git', 'HEAD'), `${COMMIT}\n`);
  const nobody = `http://127.0.0.1:${await deadPort()}`;
  writeFileSync(
    join(folder, 'plugin.yaml'),
    `listen: { address: 127.0.0.1, port: 0 }
nova: { url: "${nobody}" }
keystone: { authUrl: "${nobody}/v3", username: drover, passwordFile: password, projectName: service }
policy: policy.yaml
database: drover.db
controlSocket: control.sock
hostd: { ca: ca.crt, cert: plugin.crt, key: plugin.key, hosts: [] }
`,
  );
  plugin = await startPlugin(readConfig(join(folder, 'plugin.yaml')), pino({ level: 'silent' }));
});
afterEach(async () => {
  await plugin?.stop();
  rmSync(folder, { recursive: true });
});

function notices(query = ''): Promise<Notice[]> {
  return get(`/v1/notices${query}`);
}

function get<T>(path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const socketPath = join(folder, 'control.sock');
    request({ socketPath, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(JSON.parse(text)));
    })
      .on('error', reject)
      .end();
  });
}

it('a policy that takes effect and one that is refused make one notice each, told through the socket', async () => {
  const codes = async () => (await notices()).map(({ code }) => code);
  await expect.poll(codes, { timeout: 5000 }).toEqual(['policy-loaded']);
  putPolicy(join(folder, 'policy.yaml'), SEED.replace('floor: 1 %', 'floor: 100 %'));
  await expect.poll(codes).toEqual(['policy-loaded', 'policy-refused']);
  // It is read anew twice a second.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [loaded, refused, ...more] = await notices();
  expect(loaded?.details).toEqual([`commit ${COMMIT}`]);
  expect(more).toEqual([]);
  expect(refused?.details).toEqual([expect.stringMatching(/^policy\.yaml:\d+:8: floor: so high a floor/)]);
  expect(refused?.text).toMatch(/^refused with 1 error\(s\), policy\.yaml@[0-9a-f]{8} stays in effect$/);
  expect(await notices(`?after=${loaded?.id}`)).toEqual([refused]);
});

it('warnings of what takes effect are in its notice, and shown as long as it is in effect', async () => {
  const short = 'windows: [{ priority: low, from: "22:00", to: "22:10", timeZone: UTC }]';
  putPolicy(join(folder, 'policy.yaml'), `${SEED}\n${short}\n`);
  const warning = expect.stringMatching(/^policy\.yaml:\d+:11: windows\[0\]: low may start for at most 10 min on end/);
  await expect
    .poll(async () => (await notices()).at(-1))
    .toMatchObject({
      code: 'policy-loaded',
      text: expect.stringMatching(/ is in effect, with 1 warning\(s\)$/),
      details: [`commit ${COMMIT}`, warning],
    });
  expect(await get('/v1/policy')).toMatchObject({ refused: null, warnings: [warning] });
  putPolicy(join(folder, 'policy.yaml'), SEED);
  await expect.poll(() => get('/v1/policy')).toMatchObject({ warnings: [] });
});
