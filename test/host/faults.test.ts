import { execFile } from 'node:child_process';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errorCode, lease, Rig } from './rig.ts';

const run = promisify(execFile);
const rig = new Rig();
let bin = '';
/** hostd looks at all of its classes this often, whether or not it was told of a change (hostd/shape/leases.ts). */
const LOOKS_ANEW_MS = 10_000;
let before = '';

/**
 * The daemon's tc. It spoils only batches that change something, as $MODE says: `fail N`: the first N lines are done,
 * then it fails; `once N`: so, but only the first time; `stuck N`: so, and later none are; `hang N`: it does not end;
 * `vanish N`: the NIC is deleted.
 */
const WRAPPER = (dir: string) => `#!/bin/sh
read -r mode lines <${dir}/mode
[ "$1" = -batch ] || exec /usr/sbin/tc "$@"
input=${dir}/input.$$
/bin/cat >$input
trap '/bin/rm -f $input' EXIT
if [ -z "$mode" ] || /bin/grep -q drover-try0 $input || ! /bin/grep -qE '^(qdisc|class|filter) (add|replace|change|del) ' $input; then
  /usr/sbin/tc -batch $input
  exit $?
fi
[ $mode = once ] && echo >${dir}/mode
[ $mode = stuck ] && echo fail 0 >${dir}/mode
/usr/bin/head -n $lines $input >$input.part
/usr/sbin/tc -batch $input.part
/bin/rm -f $input $input.part
[ $mode = hang ] && exec /bin/sleep 30
[ $mode = vanish ] && /usr/sbin/ip link del dev nic0
echo "spoiled after line $lines" >&2
exit 1
`;

async function spoil(mode: string): Promise<void> {
  await writeFile(join(bin, 'mode'), `${mode}\n`);
}

async function problems(): Promise<string> {
  const { json } = await rig.call('GET', '/healthz');
  return json.problems.filter((problem: string) => /NIC is not|on disk/.test(problem)).join();
}

async function classes(): Promise<string> {
  return `${await rig.tc('class', 'show', 'dev', 'nic0')}${await rig.tc('class', 'show', 'dev', 'drover-ifb0')}`;
}

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
  bin = join(rig.dir, 'bin');
  await mkdir(bin);
  await symlink('/usr/sbin/ip', join(bin, 'ip'));
  for (const program of ['nft', 'iptables-save']) await symlink(`/usr/sbin/${program}`, join(bin, program));
  await installTc();
  rig.environment = { PATH: bin };
  await rig.startDaemon();
});
afterEach(async () => {
  await spoil('');
  for (const { leaseId } of (await rig.call('GET', '/v1/leases')).json.leases)
    await rig.call('DELETE', `/v1/leases/${leaseId}?fence=1`);
  await expect.poll(() => rig.snapshot()).toBe(before);
  await expect.poll(() => problems()).toBe('');
});
afterAll(() => rig.stop());

async function installTc(): Promise<void> {
  await spoil('');
  await writeFile(join(bin, 'tc'), WRAPPER(bin));
  await chmod(join(bin, 'tc'), 0o755);
}

describe('tc that is missing', () => {
  it('is told, nothing is touched, and hostd goes on by itself once it is there', async () => {
    await rm(join(bin, 'tc'));
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    expect([answer.status, errorCode(answer)]).toEqual([500, 'shape-failed']);
    expect(answer.text).toMatch(/Nothing was changed on nic0.*iproute2.*ENOENT/);
    expect(await rig.snapshot()).toBe(before);
    expect(await rig.leasesOnDisk()).toEqual([]);
    await expect.poll(() => problems()).toContain('NIC is not as the leases say');
    await installTc();
    await expect.poll(() => problems()).toBe('');
    expect((await rig.call('PUT', '/v1/leases/a', lease(140, 40))).status).toBe(200);
  });

  it('does not end a lease that stands, nor its time', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 1500 }));
    await rm(join(bin, 'tc'));
    expect(errorCode(await rig.call('DELETE', '/v1/leases/a?fence=1'))).toBe('shape-failed');
    expect(await rig.tc('qdisc', 'show', 'dev', 'nic0')).toContain('htb d707:');
    await expect.poll(async () => (await rig.call('GET', '/v1/leases')).json.leases).toEqual([]);
    expect(await problems()).toContain('NIC is not as the leases say');
    await installTc();
    await expect.poll(() => rig.snapshot()).toBe(before);
  });
});

describe('tc that fails half way', () => {
  it.each([0, 1, 2, 7, 30, 60])('after line %d of a new lease: all is put back', async (lines) => {
    await spoil(`once ${lines}`);
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    expect([answer.status, errorCode(answer)]).toEqual([500, 'shape-failed']);
    expect(answer.text).toContain('what stood there before is back');
    expect(await rig.snapshot()).toBe(before);
    expect(await rig.leasesOnDisk()).toEqual([]);
    expect((await rig.call('GET', '/v1/leases')).json.leases).toEqual([]);
  });

  it.each([1, 2, 3])('after line %d of a change: the lease that stood stands', async (lines) => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    const stood = await classes();
    await spoil(`once ${lines}`);
    const answer = await rig.call('PUT', '/v1/leases/b', lease(60, 100));
    expect(answer.text).toContain('what stood there before is back');
    expect(await classes()).toBe(stood);
    expect(await rig.leasesOnDisk()).toEqual(['a']);
  });

  it('time and again: it is told what stands, and put right once tc works', async () => {
    await spoil('stuck 5');
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    expect(answer.text).toContain('half done');
    expect(await rig.leasesOnDisk()).toEqual([]);
    await expect.poll(() => problems()).toContain('NIC is not as the leases say');
    await spoil('');
    await expect.poll(() => rig.snapshot()).toBe(before);
    await expect.poll(() => problems()).toBe('');
  });

  it('puts back a root qdisc that was there', async () => {
    await rig.tc('qdisc', 'replace', 'dev', 'nic0', 'root', 'handle', '7:', 'bfifo', 'limit', '777777');
    const found = await rig.snapshot();
    await spoil('once 9');
    expect(errorCode(await rig.call('PUT', '/v1/leases/a', lease(140, 40)))).toBe('shape-failed');
    const back = await rig.snapshot();
    await rig.tc('qdisc', 'del', 'dev', 'nic0', 'root');
    expect(back).toBe(found);
  });
});

describe('tc that hangs', () => {
  it('keeps no caller waiting for long, and is put right when it ends', async () => {
    await spoil('hang 5');
    const startedAt = performance.now();
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    // The tc itself would take 30 s.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(errorCode(answer)).toBe('shape-failed');
    expect(answer.text).toContain('no end after');
    await spoil('');
    await expect.poll(() => rig.snapshot()).toBe(before);
  });
});

describe('a tap', () => {
  it('that vanishes while the NIC is shaped harms neither lease nor counting', async () => {
    await rig.ip('link', 'add', 'name', 'tap-gone', 'type', 'veth', 'peer', 'name', 'tap-gone-peer');
    await rig.ip('link', 'set', 'dev', 'tap-gone', 'master', 'brq0', 'up');
    const asked = rig.call('PUT', '/v1/leases/a', lease(140, 40));
    await rig.ip('link', 'del', 'dev', 'tap-gone');
    expect((await asked).status).toBe(200);
    expect(await classes()).toContain('rate 140Mbit');
    await expect.poll(async () => (await rig.call('GET', '/v1/sample')).json.ageMs).toBeLessThan(1500);
    expect(await problems()).toBe('');
  });
});

describe('the IFB', () => {
  it('taken away by somebody is back within seconds', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    const stood = await classes();
    await rig.ip('link', 'del', 'dev', 'drover-ifb0');
    await expect.poll(() => classes().catch(() => ''), { timeout: LOOKS_ANEW_MS }).toBe(stood);
    expect(await rig.tc('filter', 'show', 'dev', 'nic0', 'parent', 'ffff:')).toContain('device drover-ifb0');
  });
});

describe('a renewal', () => {
  it('starts no program, nor does a lease of lower priority that changes nothing', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 20_000 }));
    await spoil('fail 0');
    const ends = async () => (await rig.call('GET', '/v1/leases')).json.leases[0].expiresInMs;
    await rm(join(bin, 'tc'));
    await rm(join(bin, 'ip'));
    expect(await ends()).toBeLessThanOrEqual(20_000);
    expect((await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 60_000 }))).status).toBe(200);
    expect(await ends()).toBeGreaterThan(20_000);
    expect((await rig.call('PUT', '/v1/leases/b', lease(10, 40, { priority: 'low' }))).status).toBe(200);
    expect((await rig.call('DELETE', '/v1/leases/b?fence=1')).status).toBe(204);
    await symlink('/usr/sbin/ip', join(bin, 'ip'));
    await installTc();
  });
});

describe('a full disk', () => {
  const tiny = () => join(rig.dir, 'tiny');

  it('is told, and keeps no class alive beyond its lease', async () => {
    await rig.killDaemon('SIGTERM');
    await mkdir(tiny());
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', tiny()]);
    try {
      await rig.startDaemon({ stateDir: 'tiny' });
      expect((await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 5000 }))).status).toBe(200);
      const stood = await classes();
      await run('dd', ['if=/dev/zero', `of=${join(tiny(), 'full')}`, 'bs=4k']).catch(() => undefined);
      for (const [method, path, body] of [
        ['PUT', '/v1/leases/a', lease(140, 40)],
        ['PUT', '/v1/leases/b', lease(60, 100)],
        ['PUT', '/v1/leases/c', lease(60, 100, { fence: 2 })],
        ['DELETE', '/v1/leases/a?fence=1', undefined],
      ] as const) {
        const answer = await rig.call(method, path, body);
        expect([answer.status, errorCode(answer)], `${method} ${path}`).toEqual([507, 'state-unwritable']);
      }
      expect(await classes()).toBe(stood);
      expect((await rig.call('GET', '/v1/leases')).json).toMatchObject({ fence: 1, leases: [{ leaseId: 'a' }] });
      // The next attempt is a second later and may succeed: what hostd itself removed makes room.
      await expect.poll(() => problems(), { interval: 30 }).toContain('on disk');
      await expect.poll(() => rig.snapshot()).toBe(before);
      await rm(join(tiny(), 'full'));
      await expect.poll(() => problems()).toBe('');
      expect((await rig.call('PUT', '/v1/leases/b', lease(60, 100))).status).toBe(200);
    } finally {
      for (const id of ['a', 'b']) await rig.call('DELETE', `/v1/leases/${id}?fence=1`);
      await rig.killDaemon('SIGTERM');
      await run('umount', [tiny()]);
      await rig.startDaemon();
    }
  });
});

describe('the NIC', () => {
  async function makeNic(): Promise<void> {
    await rig.ip('link', 'add', 'name', 'nic0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', rig.peer);
    await rig.ip('link', 'set', 'dev', 'nic0', 'master', 'brq0', 'up');
    await run('ip', ['-n', rig.peer, 'address', 'add', '10.99.0.2/24', 'dev', 'eth0']);
    await run('ip', ['-n', rig.peer, 'link', 'set', 'dev', 'eth0', 'up']);
    before = await rig.snapshot();
  }
  const call = (method: string, path: string, body?: unknown) => rig.callFromHost(method, path, body);

  it('that vanishes while it is shaped is told, and hostd goes on when it is back', async () => {
    await spoil('vanish 9');
    const answer = await call('PUT', '/v1/leases/a', lease(140, 40));
    expect([answer.status, errorCode(answer)]).toEqual([503, 'device-missing']);
    expect(answer.text).toContain('nic0 vanished');
    expect(await rig.ip('link', 'show')).not.toContain('drover-ifb0');
    await spoil('');
    expect(errorCode(await call('PUT', '/v1/leases/a', lease(140, 40)))).toBe('device-missing');
    await makeNic();
    await expect.poll(async () => (await call('PUT', '/v1/leases/a', lease(140, 40))).status).toBe(200);
    await call('DELETE', '/v1/leases/a?fence=1');
    expect(await rig.snapshot()).toBe(before);
  });

  it('made anew gets its classes, and nothing that stood on the old one', async () => {
    await rig.tc('qdisc', 'replace', 'dev', 'nic0', 'root', 'handle', '7:', 'bfifo', 'limit', '777777');
    expect((await call('PUT', '/v1/leases/a', lease(140, 40))).status).toBe(200);
    const stood = await classes();
    await rig.ip('link', 'del', 'dev', 'nic0');
    await expect
      .poll(async () => (await call('GET', '/healthz')).json.problems.join())
      .toContain('There is no interface nic0');
    await makeNic();
    await expect.poll(() => classes().catch(() => '')).toBe(stood);
    expect((await call('DELETE', '/v1/leases/a?fence=1')).status).toBe(204);
    expect(await rig.snapshot()).toBe(before);
  });
});
