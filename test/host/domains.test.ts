import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../../hostd/command.ts';
import { Virsh } from '../../hostd/libvirt/virsh.ts';
import { Domains } from '../../hostd/measure/domains.ts';

// The real virsh with libvirt's own test driver, which reads its domains from a file.
const log = pino({ level: 'silent' });
let dir: string;
let processes: string[][] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-domains-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface TestDomain {
  uuid: string;
  name: string;
  tap: string;
}

function domain(index: number, name = `instance-${index.toString(16).padStart(8, '0')}`): TestDomain {
  const tap = `tap${index.toString(16).padStart(8, '0')}`;
  return { uuid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`, name, tap };
}

async function write(domains: readonly TestDomain[]): Promise<void> {
  const encode = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const documents = domains.map(
    ({ uuid, name, tap }) => `<domain type='test'><name>${encode(name)}</name><uuid>${uuid}</uuid>
      <memory>262144</memory><os><type>hvm</type></os><devices><interface type='bridge'><source bridge='brq0'/>
      <target dev='${encode(tap)}'/></interface></devices></domain>`,
  );
  await writeFile(join(dir, 'node.xml'), `<node>${documents.join('\n')}</node>`);
}

function virsh(): Virsh {
  processes = [];
  return new Virsh(`test://${join(dir, 'node.xml')}`, (file, args, options) => {
    processes.push([...args]);
    return runCommand(file, args, options);
  });
}

/** CPU of the children that ended, ms, in steps of 10. */
async function childrenCpuMs(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  const [, ...fields] = stat.slice(stat.lastIndexOf(')')).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

const HOSTILE = ['; destroy all', '$(id)', '-h', "it's", 'a "b" c', '# no', '`id`', 'ünï', '&amp;', '00000000-0000'];

describe('Virsh.batch', () => {
  it('tells the outputs apart, those of commands that fail among them', async () => {
    await write([domain(1), domain(2)]);
    const outputs = await virsh().batch([
      ['dumpxml', domain(2).uuid],
      ['dumpxml', domain(9).uuid],
      ['domstate', domain(1).uuid],
    ]);
    expect(outputs).toEqual([expect.stringContaining(domain(2).name), '', expect.stringMatching(/^running\s*$/)]);
    expect(outputs[0]).not.toContain(domain(1).name);
  });

  it('keeps the output of what ended before a command that hangs', async () => {
    await write([domain(1)]);
    const slow = new Virsh(`test://${join(dir, 'node.xml')}`, (file, args, options) =>
      runCommand(file, args, { ...options, timeoutMs: 1500 }),
    );
    const waits = ['event', '--event', 'lifecycle', '--timeout', '9'];
    expect(await slow.batch([['domstate', domain(1).uuid], waits, ['list']])).toEqual([
      expect.stringContaining('running'),
      null,
      null,
    ]);
  });

  it('takes no word that virsh might read as more than one', async () => {
    for (const word of ['a;b', 'a b', '$(id)', '#', '"', "'", '', 'a\nb', '\\']) {
      await expect(virsh().batch([['dumpxml', word]])).rejects.toThrow('may not stand in a batch');
    }
    expect(processes).toEqual([]);
  });

  it('says so if libvirt cannot be reached', async () => {
    const nowhere = new Virsh('qemu+unix:///system?socket=/nonexistent/drover-test');
    await expect(nowhere.batch([['list']])).rejects.toMatchObject({ code: 'command-failed' });
  });
});

describe('Domains', () => {
  async function started(): Promise<Domains> {
    const domains = new Domains(virsh(), log);
    onTestFinished(() => domains.stop());
    await domains.start();
    return domains;
  }

  it('knows every domain, whatever it is called', async () => {
    const written = HOSTILE.map((name, index) => domain(index, name));
    await write(written);
    const domains = await started();
    expect(domains.problem).toBeNull();
    const seen = domains
      .list()
      .map(({ uuid, name, taps, memoryBytes, state }) => ({ uuid, name, taps, memoryBytes, state }));
    const wanted = written.map(({ uuid, name, tap }) => ({ uuid, name, taps: [tap], memoryBytes: 2 ** 28, state: 1 }));
    expect(seen.sort((a, b) => a.uuid.localeCompare(b.uuid))).toEqual(wanted);
    for (const { name, uuid } of written) expect(domains.uuidOf(name)).toBe(uuid);
    // Names never reach a command line.
    for (const args of processes) for (const name of HOSTILE.slice(0, 3)) expect(args.join(' ')).not.toContain(name);
  });

  it('sees domains come, change and go, and keeps the names of those that went', async () => {
    await write([domain(1), domain(2)]);
    const domains = await started();
    await write([{ ...domain(2), tap: 'tap-new' }, domain(3)]);
    domains.forgetXml(domain(2).name);
    await domains.refresh();
    expect(domains.list().map(({ name, taps }) => [name, ...taps])).toEqual(
      expect.arrayContaining([
        [domain(2).name, 'tap-new'],
        [domain(3).name, domain(3).tap],
      ]),
    );
    expect(domains.list()).toHaveLength(2);
    expect(domains.uuidOf(domain(1).name)).toBe(domain(1).uuid);
  });

  it('tells no domains from no answer', async () => {
    await write([domain(1)]);
    const domains = await started();
    await writeFile(join(dir, 'node.xml'), 'no XML');
    await domains.refresh();
    expect(domains.problem).toContain('libvirt does not answer');
    expect(domains.list()).toHaveLength(1);
    await write([]);
    await domains.refresh();
    expect(domains.problem).toBeNull();
    expect(domains.list()).toEqual([]);
  });

  it('reads 1,000 domains in one process, for a fraction of a percent of a core', async () => {
    await write(Array.from({ length: 1000 }, (_, index) => domain(index)));
    const domains = await started();
    expect(domains.list()).toHaveLength(1000);
    // The test driver lives in the process and reads its file at every start: that is no cost of a real host.
    const bare = new Virsh(`test://${join(dir, 'node.xml')}`);
    const costMs = async (task: () => Promise<unknown>) => {
      const before = await childrenCpuMs();
      for (let turn = 0; turn < 5; turn++) await task();
      return ((await childrenCpuMs()) - before) / 5;
    };
    const startMs = await costMs(() => bare.one('echo', 'x'));
    processes = [];
    const beganAtMs = performance.now();
    const refreshMs = await costMs(() => domains.refresh());
    // Those by time, every 10 s, may fall in between.
    const byTime = Math.ceil((performance.now() - beganAtMs) / 10_000);
    expect(processes.length).toBeGreaterThanOrEqual(5);
    expect(processes.length).toBeLessThanOrEqual(5 + byTime);
    console.log(`refresh of 1000 domains: ${refreshMs} ms of CPU, of which the test driver's start ${startMs} ms`);
    // Every 10 s: 100 ms are 1 % of a core. Where the processors are busy all costs more, the driver's start as well.
    expect(refreshMs - startMs).toBeLessThan(Math.max(100, startMs));
  });
});
