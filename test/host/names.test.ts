import { afterEach, describe, expect, it } from 'vitest';
import { errorCode, lease, Rig } from './rig.ts';

let rig: Rig | null = null;
afterEach(() => rig?.stop());

async function started(nic: string, tap: string): Promise<Rig> {
  rig = new Rig([tap, `${tap.slice(0, -1)}2`], { nic });
  await rig.start();
  return rig;
}

describe('an interface with a name that the kernel takes and a shell would not', () => {
  it.each([
    [';reboot', '$(id)'],
    ['$(id)', ';reboot'],
    ['-h', '-batch'],
    ['`id`&', '"q"#'],
    // 15 bytes, the longest there is.
    ['äääääää1', 'ööööööö1'],
  ])('is counted and shaped like any other: %s', async (nic, tap) => {
    const host = await started(nic, tap);
    const before = await host.snapshot();
    await host.startDaemon();
    const ping = host.spawn(host.peer, 'ping', '-q', '-i', '0.02', '-s', '1000', '10.99.0.1');
    const answer = await host.call('PUT', '/v1/leases/a', lease(140, 40));
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('"owner"')]);
    for (const device of [nic, 'drover-ifb0']) {
      expect(await host.tc('class', 'show', 'dev', device)).toContain('rate 140Mbit');
    }
    const rate = async () => (await host.call('GET', '/v1/sample')).json.nic?.rxBitsPerSecond ?? 0;
    await expect.poll(rate).toBeGreaterThan(100_000);
    ping.kill();
    const { problems } = (await host.call('GET', '/healthz')).json;
    expect(problems.filter((problem: string) => !/libvirt|virsh|nova/.test(problem))).toEqual([]);
    expect((await host.call('DELETE', '/v1/leases/a?fence=1')).status).toBe(204);
    expect(await host.snapshot()).toBe(before);
    expect(host.log).not.toContain('uid=');
  });

  it('that is a pattern of the kernel: it makes 0 of %d, and hostd says that there is no %d', async () => {
    const host = await started('nic0', 'tap-1');
    await host.ip('link', 'add', 'name', '%d', 'type', 'ifb');
    expect(await host.ip('-o', 'link', 'show', 'dev', '0')).toContain(' 0: ');
    await host.ip('link', 'del', 'dev', '0');
    const before = await host.snapshot();
    await host.startDaemon({ nic: '%d' });
    const answer = await host.call('PUT', '/v1/leases/a', lease(140, 40));
    expect([answer.status, errorCode(answer)]).toEqual([503, 'device-missing']);
    expect(answer.text).toContain('There is no interface %d');
    expect(await host.leasesOnDisk()).toEqual([]);
    expect(await host.snapshot()).toBe(before);
  });
});

describe('a name that no interface can have, or that tc would take apart', () => {
  it('is refused at the start, with file, line and column', async () => {
    const host = await started('nic0', 'tap-1');
    for (const nic of ['a b', 'nic/0', 'eth0:1', 'sixteen-letters!', '"q"', "it's", 'a#b', 'a\\b', '']) {
      const argv = host.service(['--config', await host.configure({ nic })]);
      await expect(host.exec(host.host, ...(argv as [string, ...string[]])), nic).rejects.toThrow(
        /hostd\.yaml:\d+:\d+: nic: the name of a network interface/,
      );
    }
  });
});
