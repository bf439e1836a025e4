/**
 * What hostd costs a compute host: CPU of the daemon and of all programs that it runs, and memory, with 200, 500 and
 * 1,000 taps at one reading a second.
 *
 *     npm run bench:hostd [-- --taps 200,500,1000 --counting nftables,iptables,tap --seconds 40 --soak MINUTES]
 *
 * A minute for each size; needs root. Every tap has a packet a second in both directions. It runs as the systemd unit
 * runs it; libvirtd is a real one with libvirt's test driver in the place of QEMU. The last columns: with a client that
 * reads the stream of samples of all VMs, and what hostd's questions cost libvirtd. --soak follows the memory of each for
 * so many minutes more, with a client that reads; it fails if that grows to the end.
 */
import { parseArgs } from 'node:util';
import { type Cost, costOf, cpuMeter, daemonPid, rssMebibytes } from '../host/cost.ts';
import { Crowd } from '../host/crowd.ts';

const SETTLE_MS = 20_000;
const CREEP_MEBIBYTES = 2;

interface Row extends Cost {
  taps: number;
  counting: string;
  /** VMs with traffic in both directions. */
  counted: number;
  libvirtdPercent: number;
  /** While a client reads the stream. */
  followed: Cost;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      taps: { type: 'string', default: '200,500,1000' },
      counting: { type: 'string', default: 'nftables' },
      seconds: { type: 'string', default: '40' },
      soak: { type: 'string', default: '0' },
    },
  });
  const rows: Row[] = [];
  for (const counting of values.counting.split(',')) {
    for (const taps of values.taps.split(',').map(Number)) {
      rows.push(await measure(taps, counting, Number(values.seconds), Number(values.soak)));
      console.error(`${counting}, ${taps} taps: done`);
    }
  }
  print(rows);
  if (rows.some(({ taps, counted }) => counted < taps)) throw new Error('not every VM was counted');
}

async function measure(taps: number, counting: string, seconds: number, soakMinutes: number): Promise<Row> {
  const crowd = new Crowd(taps);
  const { rig } = crowd;
  try {
    await crowd.start();
    // The first start fills the compile cache, as the first start ever on a host does.
    await rig.startDaemon(crowd.settings(counting));
    await rig.killDaemon('SIGTERM');
    await rig.startDaemon(crowd.settings(counting));
    crowd.talk();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const pid = await daemonPid(rig);
    const libvirtd = cpuMeter(crowd.libvirtdPid);
    const cost = await costOf(pid, seconds);
    const libvirtdPercent = libvirtd();
    const { vms } = (await rig.call('GET', '/v1/sample')).json as {
      vms: { rxBitsPerSecond: number; txBitsPerSecond: number }[];
    };
    const counted = vms.filter((vm) => vm.rxBitsPerSecond > 0 && vm.txBitsPerSecond > 0).length;
    rig.listen('/v1/events');
    const followed = await costOf(pid, Math.ceil(seconds / 2));
    if (soakMinutes > 0) await soak(pid, soakMinutes);
    return { taps, counting, counted, ...cost, libvirtdPercent, followed };
  } finally {
    await crowd.stop();
  }
}

/** The lowest reading of a minute is what is really held: garbage comes and goes. */
async function soak(pid: number, minutes: number): Promise<void> {
  const lowest: number[] = [];
  for (let minute = 0; minute < minutes; minute += 1) {
    let low = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < 60; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      low = Math.min(low, rssMebibytes(pid));
    }
    lowest.push(low);
    console.error(`minute ${minute + 1}: ${low.toFixed(1)} MiB`);
  }
  const third = Math.ceil(minutes / 3);
  const [middle, last] = [lowest.slice(-2 * third, -third), lowest.slice(-third)].map((part) => Math.min(...part));
  if ((last ?? 0) > (middle ?? 0) + CREEP_MEBIBYTES) throw new Error(`memory creeps: ${lowest.join(', ')} MiB`);
}

function print(rows: readonly Row[]): void {
  const heads = ['counting', 'taps', 'CPU, % of a core', 'daemon', 'its programs'];
  const more = ['RSS daemon, MiB', 'RSS programs, MiB', 'CPU with a reader', 'RSS daemon then', "libvirtd's CPU"];
  const table = [...heads, ...more];
  console.log(`\n| ${table.join(' | ')} |\n|${table.map(() => ' --- |').join('')}`);
  for (const row of rows) {
    const { followed } = row;
    const percents = [row.daemonPercent + row.childrenPercent, row.daemonPercent, row.childrenPercent];
    const cells = [
      row.counting,
      row.taps,
      ...percents.map((percent) => percent.toFixed(2)),
      row.daemonMebibytes.toFixed(0),
      row.childrenMebibytes.toFixed(0),
      (followed.daemonPercent + followed.childrenPercent).toFixed(2),
      followed.daemonMebibytes.toFixed(0),
      row.libvirtdPercent.toFixed(2),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

await main();
