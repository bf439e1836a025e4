import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../../..');
const BOOTED_MS = 90_000;

/** What stands in a machine at its start; services are started by the test. */
const TARGET = `[Unit]
Requires=systemd-journald.service dbus.socket
After=systemd-journald.service dbus.socket
`;

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** Where a machine's folder and network are. */
export interface Place {
  dir: string;
  /** The network namespace. */
  host: string;
  /** Of its control group. */
  name: string;
}

/** What is installed in it. */
export interface Installation {
  /** Files of the project and where they go. */
  files: readonly (readonly [string, string])[];
  /** Files and folders of the place's folder that go to /etc/drover. */
  configuration: readonly string[];
}

/**
 * A machine with systemd as process 1, whose network is that of the place: a service is installed there with its unit,
 * user and folders as the README says. Changes of its files are in memory and end with it.
 */
export class Machine {
  readonly #place: Place;
  readonly #installation: Installation;
  #child: ChildProcess | null = null;
  #cgroup = '';
  #init = 0;

  constructor(place: Place, installation: Installation) {
    this.#place = place;
    this.#installation = installation;
  }

  /** @param files - by their path in the machine, beside what is installed. */
  async start(files: Readonly<Record<string, string>>): Promise<void> {
    const { dir, host, name } = this.#place;
    const [work, laid] = [join(dir, 'machine'), join(dir, 'laid')];
    await mkdir(work);
    const put = async (path: string, text: string) => {
      await mkdir(join(laid, path, '..'), { recursive: true });
      await writeFile(join(laid, path), text);
    };
    await put('etc/systemd/system/drover-test.target', TARGET);
    for (const [path, text] of Object.entries(files)) await put(path, text);
    const { files: installed, configuration } = this.#installation;
    for (const [from, to] of installed) await put(to, await readFile(join(ROOT, from), 'utf8'));
    for (const each of configuration) await cp(join(dir, each), join(laid, 'etc/drover', each), { recursive: true });

    this.#cgroup = join(await findCgroup2(), name);
    await mkdir(this.#cgroup);
    const namespaces = ['--pid', '--mount', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'];
    const boot = [join(import.meta.dirname, 'boot.sh'), work, ROOT, process.execPath, laid];
    const argv = ['ip', 'netns', 'exec', host, 'unshare', ...namespaces, 'sh', ...boot];
    const enter = 'echo $$ > "$0/cgroup.procs" && exec setpriv --pdeathsig KILL -- "$@"';
    this.#child = spawn('sh', ['-c', enter, this.#cgroup, ...argv], { stdio: ['ignore', 'ignore', 'inherit'] });
    await this.#booted();
  }

  async #booted(): Promise<void> {
    const child = this.#child;
    const untilMs = Date.now() + BOOTED_MS;
    while (Date.now() < untilMs && child?.exitCode === null) {
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').catch(() => '');
      this.#init = Number(children.trim().split(' ')[0]);
      if (this.#init > 0 && (await this.try('systemctl', 'is-system-running')).stdout.trim() === 'running') return;
      await new Promise((done) => setTimeout(done, 50));
    }
    const { stdout, stderr } = await this.try('systemctl', '--no-pager', 'list-jobs');
    throw new Error(`systemd did not start as process 1 of a machine: ${stdout}${stderr}`);
  }

  /** Runs a program in it. */
  async try(file: string, ...args: string[]): Promise<Outcome> {
    const namespaces = ['-m', '-u', '-i', '-n', '-p', '-C'];
    const argv = ['-t', String(this.#init), ...namespaces, '--', file, ...args];
    return run('nsenter', argv, { timeout: 60_000 }).then(
      ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
      (error: Outcome & { code: number }) => ({ status: error.code, stdout: error.stdout, stderr: error.stderr }),
    );
  }

  /** Its output. Throws if it fails. */
  async exec(file: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.try(file, ...args);
    if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  /** One property of a unit, as `systemctl show` tells it. */
  property(unit: string, name: string): Promise<string> {
    return this.exec('systemctl', 'show', '--property', name, '--value', unit);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    // The kernel ends its processes, then its groups can go.
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const tree = await run('find', [this.#cgroup, '-depth', '-type', 'd']).catch(() => ({ stdout: '' }));
      for (const group of tree.stdout.split('\n').filter((path) => path !== ''))
        await rmdir(group).catch(() => undefined);
      if (tree.stdout === '') return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`${this.#cgroup} does not get empty`);
  }
}

/** As hostd/README.md says to install it. */
export const HOSTD: Installation = {
  files: [
    ['hostd/systemd/drover-hostd.service', 'usr/lib/systemd/system/drover-hostd.service'],
    ['hostd/systemd/drover-hostd-clean.service', 'usr/lib/systemd/system/drover-hostd-clean.service'],
    ['hostd/systemd/drover-hostd-clean.timer', 'usr/lib/systemd/system/drover-hostd-clean.timer'],
    ['hostd/systemd/sysusers.conf', 'usr/lib/sysusers.d/drover-hostd.conf'],
    ['hostd/systemd/tmpfiles.conf', 'usr/lib/tmpfiles.d/drover-hostd.conf'],
  ],
  configuration: ['hostd.yaml', 'pki'],
};

/** As plugin/deploy/README.md says to install it. */
export const PLUGIN: Installation = {
  files: [
    ['plugin/deploy/drover-plugin.service', 'usr/lib/systemd/system/drover-plugin.service'],
    ['plugin/deploy/sysusers.conf', 'usr/lib/sysusers.d/drover-plugin.conf'],
    ['plugin/deploy/tmpfiles.conf', 'usr/lib/tmpfiles.d/drover-plugin.conf'],
  ],
  configuration: ['plugin.yaml', 'policy.yaml', 'password', 'pki'],
};

/** systemd needs a hierarchy of version 2; where version 1 holds the controllers, it has none, which is enough. */
async function findCgroup2(): Promise<string> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const at = mounts
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
    ?.split(' ')[4];
  if (at === undefined) throw new Error('no cgroup2 is mounted here: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified');
  return at;
}
