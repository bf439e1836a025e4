/**
 * What hostd costs a compute host: CPU of the daemon and its children together, and memory, with 200 and 1,000 taps at
 * one reading a second. `npm run bench:hostd [-- SECONDS]`, about 2 minutes for each size; needs root and virsh.
 *
 * The taps are ends of veth pairs in a bridge, with entries of real packets in both directions for each. The domains that
 * own them are those of libvirt's test driver: the real virsh, which then does itself what libvirtd would do, and has
 * no QEMU events to follow.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PEER, Rig } from '../host/rig.ts';

const SIZES = [200, 1000];
const TICKS_PER_SECOND = 100;
const SETTLE_MS = 20_000;

interface Cost {
  taps: number;
  counted: number;
  cpuPercent: number;
  daemonMebibytes: number;
  childrenMebibytes: number;
}

const run = promisify(execFile);

async function main(seconds: number): Promise<void> {
  const costs: Cost[] = [];
  for (const taps of SIZES) costs.push(await measure(taps, seconds));
  console.log(`\n| taps | VMs with traffic | CPU, % of one core | daemon RSS, MiB | its children's RSS, MiB |`);
  console.log('| --- | --- | --- | --- | --- |');
  for (const { taps, counted, cpuPercent, daemonMebibytes, childrenMebibytes } of costs) {
    console.log(
      `| ${taps} | ${counted} | ${cpuPercent.toFixed(2)} | ${daemonMebibytes.toFixed(0)} | ${childrenMebibytes.toFixed(0)} |`,
    );
  }
}

async function measure(taps: number, seconds: number): Promise<Cost> {
  const rig = new Rig();
  await rig.start();
  try {
    const names = Array.from({ length: taps }, (_, index) => `tap${index.toString(16).padStart(8, '0')}`);
    await wire(rig, names);
    const file = join(rig.dir, 'node.xml');
    await writeFile(file, `<node>${names.map(domainXml).join('\n')}</node>`);
    rig.environment = { NODE_COMPILE_CACHE: join(rig.dir, 'cache'), NODE_OPTIONS: '--max-semi-space-size=1' };
    const changes = { libvirtUri: `test://${file}`, dirtyRateEveryMs: 0 };
    // The first start fills the compile cache, as the first start ever on a host does.
    await rig.startDaemon(changes);
    await rig.killDaemon('SIGTERM');
    await rig.startDaemon(changes);
    const talk = rig.spawn(rig.peer, 'ping', '-b', '-i', '0.5', '-s', '1000', PEER.replace(/\d+$/, '255'));
    await sleep(SETTLE_MS);
    const pid = await daemonPid(rig);
    const before = cpuTicks(pid);
    await sleep(seconds * 1000);
    const ticks = cpuTicks(pid) - before;
    const { vms } = (await rig.call('GET', '/v1/sample')).json as { vms: { rxBitsPerSecond: number }[] };
    talk.kill();
    return {
      taps,
      counted: vms.filter(({ rxBitsPerSecond }) => rxBitsPerSecond > 0).length,
      cpuPercent: (100 * ticks) / TICKS_PER_SECOND / seconds,
      daemonMebibytes: rssMebibytes(pid),
      childrenMebibytes: childrenOf(pid).reduce((sum, child) => sum + rssMebibytes(child), 0),
    };
  } finally {
    await rig.stop();
  }
}

/** Every tap's other end is in the namespace of the first guest; coming up it sends IPv6's own multicast packets. */
async function wire(rig: Rig, taps: readonly string[]): Promise<void> {
  const lines = taps.flatMap((tap) => [
    `link add name ${tap} type veth peer name ${tap} netns ${rig.guests[0]}`,
    `link set dev ${tap} master brq0 up`,
  ]);
  await batch(rig.host, ['link set dev brq0 type bridge mcast_snooping 0', ...lines]);
  await batch(
    rig.guests[0],
    taps.map((tap) => `link set dev ${tap} up`),
  );
}

async function batch(namespace: string, lines: readonly string[]): Promise<void> {
  const child = run('ip', ['-n', namespace, '-batch', '-']);
  child.child.stdin?.end(`${lines.join('\n')}\n`);
  await child;
}

function domainXml(tap: string, index: number): string {
  const uuid = `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
  return `<domain type='test'><name>instance-${tap.slice(3)}</name><uuid>${uuid}</uuid><memory>262144</memory>
    <os><type>hvm</type></os><devices><interface type='bridge'><source bridge='brq0'/><target dev='${tap}'/></interface>
    </devices></domain>`;
}

/** hostd listens alone in its namespace; the process that the rig started may be a wrapper around it. */
async function daemonPid(rig: Rig): Promise<number> {
  const { stdout } = await run('ip', ['netns', 'exec', rig.host, 'ss', '-Hltnp']);
  const pid = Number(/pid=(\d+)/.exec(stdout)?.[1]);
  if (!Number.isInteger(pid)) throw new Error(`nobody listens: ${stdout}`);
  return pid;
}

function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** User and system time of the daemon, of its children that ended, and of those that run (proc(5): fields 14-17). */
function cpuTicks(pid: number): number {
  const own = statFields(pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks), 0);
  return childrenOf(pid).reduce((sum, child) => sum + cpuTicks(child), own);
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return Number(statFields(Number(name))[1]) === pid ? [Number(name)] : [];
    } catch {
      return []; // it ended while we looked
    }
  });
}

function rssMebibytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes ?? 0) / 1024;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await main(Number(process.argv[2] ?? 60));
