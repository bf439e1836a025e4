/**
 * Builds the guest from Debian's cloud kernel, busybox-static and agent.c. The result is kept under the hash of
 * everything that goes into it, so that a change builds anew and several labs share one.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CACHE_ROOT } from '../plan.ts';
import { must } from '../processes.ts';

const SOURCES = ['agent.c', 'init', 'build.ts'].map((name) => join(import.meta.dirname, name));
const BUSYBOX = '/bin/busybox';
const DISK_BYTES = 4 << 20;

/** Modules that the cloud kernel does not have built in, in the order of their dependencies. */
const MODULES = [
  ...['virtio/virtio_ring', 'virtio/virtio', 'virtio/virtio_pci_legacy_dev', 'virtio/virtio_pci_modern_dev'],
  ...['virtio/virtio_pci', 'net/core/failover', 'net/net_failover', 'net/virtio_net', 'virtio/virtio_balloon'],
].map((path) => (path.startsWith('net/core/') ? path : `drivers/${path}`));

export interface GuestFiles {
  kernel: string;
  ramdisk: string;
  disk: string;
  /** The agent, also for the peer. */
  agent: string;
}

/** The guest's files, built if they are not there. */
export async function buildGuest(): Promise<GuestFiles> {
  const kernelPackage = await kernelPackageName();
  const hash = createHash('sha256').update(kernelPackage);
  for (const file of [...SOURCES, BUSYBOX]) hash.update(readFileSync(file));
  const directory = join(CACHE_ROOT, `guest-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(directory)) await buildInto(directory, kernelPackage);
  const file = (name: string) => join(directory, name);
  return { kernel: file('kernel'), ramdisk: file('ramdisk'), disk: file('disk'), agent: file('agent') };
}

/** Name of the real package behind `linux-image-cloud-amd64`, e.g. `linux-image-6.1.0-50-cloud-amd64`. */
async function kernelPackageName(): Promise<string> {
  const depends = await must(['apt-cache', 'depends', 'linux-image-cloud-amd64']);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error('apt knows no linux-image-cloud-amd64: run apt-get update');
  return name;
}

async function buildInto(directory: string, kernelPackage: string): Promise<void> {
  mkdirSync(CACHE_ROOT, { recursive: true });
  removeAbandoned();
  const work = mkdtempSync(join(CACHE_ROOT, 'build-'));
  try {
    const { kernel, modules } = await unpackKernel(work, kernelPackage);
    const out = join(work, 'out');
    const root = join(work, 'root');
    for (const path of [out, ...['bin', 'proc', 'sys', 'dev', 'modules'].map((name) => join(root, name))]) {
      mkdirSync(path, { recursive: true });
    }
    const agent = join(out, 'agent');
    const source = join(import.meta.dirname, 'agent.c');
    await must(['gcc', '-O2', '-Wall', '-Werror', '-static', '-s', '-pthread', '-o', agent, source]);
    copyFileSync(kernel, join(out, 'kernel'));
    copyFileSync(agent, join(root, 'bin', 'agent'));
    copyFileSync(BUSYBOX, join(root, 'bin', 'busybox'));
    const names = MODULES.map((path) => `${path.split('/').at(-1)}.ko`);
    MODULES.forEach((path, i) => {
      copyFileSync(join(modules, `${path}.ko`), join(root, 'modules', names[i] ?? ''));
    });
    writeFileSync(join(root, 'modules', 'order'), `${names.join('\n')}\n`);
    writeFileSync(join(root, 'init'), readFileSync(join(import.meta.dirname, 'init')), { mode: 0o755 });
    const entries = readdirSync(root, { recursive: true, encoding: 'utf8' });
    const list = `${['.', ...entries].join('\n')}\n`;
    const archive = join(out, 'ramdisk');
    await must(['cpio', '--create', '--format=newc', '--quiet', '-F', archive], { cwd: root, input: list });
    await must(['gzip', '--fast', archive]);
    renameSync(`${archive}.gz`, archive);
    // Nova wants a disk. The content only has to be incompressible and always the same.
    writeFileSync(join(out, 'disk'), repeatableBytes(DISK_BYTES));
    renameSync(out, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error; // else another lab was faster
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** What builds that were killed have left. */
function removeAbandoned(): void {
  for (const name of readdirSync(CACHE_ROOT).filter((entry) => entry.startsWith('build-'))) {
    const directory = join(CACHE_ROOT, name);
    if (Date.now() - statSync(directory).mtimeMs > 3_600_000) rmSync(directory, { recursive: true, force: true });
  }
}

async function unpackKernel(work: string, kernelPackage: string): Promise<{ kernel: string; modules: string }> {
  await must(['apt-get', '-q', 'download', kernelPackage], { cwd: work, timeoutMs: 300_000 });
  const deb = readdirSync(work).find((name) => name.endsWith('.deb'));
  if (deb === undefined) throw new Error(`apt-get download ${kernelPackage} left no package`);
  const tree = join(work, 'kernel');
  await must(['dpkg-deb', '-x', join(work, deb), tree]);
  const boot = join(tree, 'boot');
  const image = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`${kernelPackage} has no kernel`);
  const version = image.slice('vmlinuz-'.length);
  return { kernel: join(boot, image), modules: join(tree, 'lib', 'modules', version, 'kernel') };
}

function repeatableBytes(length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i < length / 64; i++) blocks.push(createHash('sha512').update(String(i)).digest());
  return Buffer.concat(blocks);
}
