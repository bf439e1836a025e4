import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CLIENT_ENVIRONMENT } from '../../lab/config/identity.ts';
import type { Lab } from '../../lab/lab.ts';
import { PORTS } from '../../lab/plan.ts';
import { RECORDING } from './corpus/recorded.ts';
import { fill, type Request, type Values } from './request.ts';

const RECORDER_PORT = 8790;

/** The stock clients as people use them: what reads, what fails equally, and what may be done any number of times. */
const OPENSTACK = [
  ...['server list', 'server list --all-projects --long', 'server list --all-projects --host {HERE} --no-name-lookup'],
  ...[
    'server list --limit 1 --all-projects',
    'server list --status ACTIVE --sort created_at:desc',
    'server list --deleted',
  ],
  ...['server show {GUEST}', 'server show {SUSPENDED}', 'server show nobody', 'server show --diagnostics {GUEST}'],
  ...['server event list {GUEST}', 'server migration list', 'server migration list --server {GUEST}'],
  ...['server migration list --status running --type live-migration', 'server migration show {GUEST} 999999'],
  ...['server migration abort {GUEST} 999999', 'server migration force complete {GUEST} 999999'],
  ...['server migrate --live-migration --host nowhere {GUEST}', 'server migrate --live-migration {SUSPENDED}'],
  ...[
    'server migrate --live-migration --block-migration --host nowhere {GUEST}',
    'server group list',
    'aggregate list',
  ],
  ...['server set --property colour=blue {GUEST}', 'server lock {GUEST}'],
  ...['server unlock {GUEST}', 'server volume list {GUEST}', 'server stop {SUSPENDED}', 'server pause {SUSPENDED}'],
  ...['flavor list --all', 'flavor show m128', 'flavor show nothing', 'hypervisor list', 'hypervisor list --long'],
  ...[
    'hypervisor show {HERE}',
    'hypervisor stats show',
    'compute service list',
    'compute service list --service nova-compute',
  ],
  ...['quota show', 'quota list --compute', 'limits show --absolute', 'limits show --rate', 'usage show', 'usage list'],
  ...['availability zone list --compute', 'keypair list', 'keypair show nobody', 'compute agent list', 'versions show'],
];

const NOVA = [
  ...['list --all-tenants', 'show {GUEST}', 'live-migration {GUEST} nowhere', 'live-migration {SUSPENDED}'],
  ...['live-migration --block-migrate {SUSPENDED}', 'live-migration-abort {GUEST} 999999', 'migration-list'],
  ...[
    'live-migration-force-complete {GUEST} 999999',
    'server-migration-list {GUEST}',
    'server-migration-show {GUEST} 9',
  ],
  ...['host-evacuate-live nowhere', 'host-servers-migrate nowhere', 'migration-list --instance-uuid {GUEST} --limit 1'],
  ...['service-list', 'hypervisor-list', 'hypervisor-show {HERE}', 'hypervisor-servers {HERE}', 'usage-list', 'limits'],
  ...['flavor-list --all', 'instance-action-list {GUEST}', 'version-list', 'server-tag-list {GUEST}', 'quota-show'],
  ...[
    '--os-compute-api-version 2.1 live-migration {SUSPENDED}',
    '--os-compute-api-version 2.30 live-migration {GUEST} nowhere',
  ],
  ...['--os-compute-api-version 2.53 list --all-tenants', 'availability-zone-list', 'keypair-list', 'aggregate-list'],
];

/** Runs all of them through a recording proxy and writes what they sent, once each. */
export async function record(lab: Lab, values: Values, say: (text: string) => void): Promise<number> {
  const argv = [
    join(import.meta.dirname, 'recorder.ts'),
    lab.controlAddress,
    String(RECORDER_PORT),
    String(PORTS.nova),
  ];
  const child = lab.spawnOn('control', [process.execPath, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (!child.stdout) throw new Error('no output of the recorder');
  const url = `http://${lab.controlAddress}:${RECORDER_PORT}/v2.1`;
  const seen = new Map<string, Request>();
  let command = '';
  const lines = createInterface({ input: child.stdout });
  await new Promise((ready) => lines.once('line', ready));
  lines.on('line', (line) => {
    const { method, target, headers, body } = templated(line, values, url);
    const key = JSON.stringify([method, target, body, headers]);
    if (!seen.has(key))
      seen.set(key, { source: 'recorded', name: command, method, target, headers, body: body || null });
  });
  const restore = await lab.swapComputeEndpoint(url);
  try {
    for (const [program, commands] of [
      ['openstack', OPENSTACK],
      ['nova', NOVA],
    ] as const) {
      for (const each of commands) {
        command = `${program} ${each}`;
        const args = fill(each, values).split(' ');
        const { code } = await lab.runOn('control', [`/usr/bin/${program}`, ...args], { env: CLIENT_ENVIRONMENT });
        say(`${command}: ${code}`);
      }
    }
  } finally {
    await restore();
    child.kill('SIGTERM');
  }
  const text = [...seen.values()].map((request, at) =>
    JSON.stringify({ ...request, name: `${request.name}, ${at + 1}` }),
  );
  writeFileSync(RECORDING, `${text.join('\n')}\n`);
  return seen.size;
}

/** With names where this cloud's own values stand, and every login's token by one name. */
function templated(
  line: string,
  values: Values,
  url: string,
): Pick<Request, 'method' | 'target' | 'headers'> & { body: string } {
  const own: [string, string][] = [[new URL(url).host, 'HOST']];
  for (const name of ['GUEST', 'SUSPENDED', 'PROJECT', 'USER', 'IMAGE']) own.push([values[name] ?? '', name]);
  const known = own.reduce((text, [value, name]) => text.replaceAll(value, `{${name}}`), line);
  const { method, target, headers, body } = JSON.parse(known);
  const rest = (headers as [string, string][])
    // The comparison counts the length itself, and reads one answer for each connection.
    .filter(([name]) => !['content-length', 'connection'].includes(name.toLowerCase()))
    .map(([name, value]) => [name, name.toLowerCase() === 'x-auth-token' ? '{TOKEN}' : value] as const);
  return {
    method,
    target: target.replaceAll(values.HERE ?? '', '{HERE}'),
    headers: [...rest, ['Connection', 'close']],
    body,
  };
}
