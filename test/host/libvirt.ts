import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface TestDomain {
  uuid: string;
  name: string;
  tap: string;
}

/**
 * A libvirtd with libvirt's own test driver: what virsh says and hears is that of a real host, without a QEMU for each
 * domain. The driver's default connection lives as long as somebody is connected: the virsh that makes the domains stays.
 */
export class TestLibvirt {
  #dir = '';
  #libvirtd: ChildProcess | null = null;
  #virsh: ChildProcess | null = null;

  get pid(): number {
    return this.#libvirtd?.pid ?? 0;
  }

  get uri(): string {
    return `test+unix:///default?socket=${join(this.#dir, 'libvirt-sock')}`;
  }

  /** For the daemon: its virsh is found there. */
  get path(): string {
    return `${this.#dir}:/usr/sbin:/usr/bin:/sbin:/bin`;
  }

  async start(dir: string, domains: readonly TestDomain[]): Promise<void> {
    this.#dir = dir;
    await mkdir(join(dir, 'none'), { recursive: true });
    await writeFile(join(dir, 'virsh'), VIRSH, { mode: 0o755 });
    const access = ['unix_sock_rw_perms = "0777"', 'auth_unix_rw = "none"', 'auth_unix_ro = "none"'];
    const settings = [`unix_sock_dir = "${dir}"`, ...access, `log_outputs = "3:file:${dir}/log"`];
    await writeFile(join(dir, 'libvirtd.conf'), `${settings.join('\n')}\n`);
    // No other driver, and a /run/libvirt of its own.
    const script = 'mount -t tmpfs none /run/libvirt; exec libvirtd --config "$0/libvirtd.conf" --pid-file "$0/pid"';
    this.#libvirtd = spawn('unshare', ['--mount', 'sh', '-c', script, dir], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, LIBVIRT_DRIVER_DIR: join(dir, 'none'), XDG_RUNTIME_DIR: dir },
    });
    await until('libvirtd listens', () => existsSync(join(dir, 'libvirt-sock')));
    await Promise.all(domains.map((domain) => writeFile(join(dir, `${domain.uuid}.xml`), domainXml(domain))));
    const virsh = spawn('virsh', ['-q', '-c', this.uri], { stdio: ['pipe', 'ignore', 'inherit'] });
    this.#virsh = virsh;
    const creations = domains.map(({ uuid }) => `create ${join(dir, `${uuid}.xml`)}`);
    virsh.stdin.write(['destroy test', ...creations, ''].join('\n'));
    await until('all domains run', async () => {
      const { stdout } = await run('virsh', ['-q', '-c', this.uri, 'list', '--uuid']);
      const running = new Set(stdout.split('\n'));
      return domains.every(({ uuid }) => running.has(uuid));
    });
  }

  async stop(): Promise<void> {
    for (const child of [this.#virsh, this.#libvirtd]) {
      if (child === null || child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
}

const run = promisify(execFile);

/**
 * The test driver has no QEMU to tell events of. In the place of that stream stands one more of libvirt's own: the same
 * program with the same open connection.
 */
const VIRSH = `#!/bin/sh
for word; do
  shift
  case $word in *qemu-monitor-event*) word="\${word%qemu-monitor-event*}event --event lifecycle --loop" ;; esac
  set -- "$@" "$word"
done
exec /usr/bin/virsh "$@"
`;

export function domainNames(index: number): { uuid: string; name: string } {
  return {
    uuid: `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
    name: `instance-${index.toString(16).padStart(8, '0')}`,
  };
}

function domainXml({ uuid, name, tap }: TestDomain): string {
  return `<domain type='test'><name>${name}</name><uuid>${uuid}</uuid><memory>262144</memory>
    <os><type>hvm</type></os><devices><interface type='bridge'><source bridge='brq0'/><target dev='${tap}'/></interface>
    </devices></domain>`;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not after 90 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
