import { afterAll, beforeAll } from 'vitest';
import { GUEST, Hypervisor, waitForAgent } from './hypervisor.ts';
import { HOST, PEER, Rig } from './rig.ts';

/** For the tests of a file: two real libvirtds, `there` at the far end of the NIC, a guest `here`, and hostd beside it. */
export function pairOfHypervisors(): { rig: Rig; here: Hypervisor; there: Hypervisor } {
  const rig = new Rig();
  const here = new Hypervisor(rig.host, HOST);
  const there = new Hypervisor(rig.peer, PEER);
  beforeAll(async () => {
    await rig.start();
    await Promise.all([here.start(), there.start()]);
    await there.joinBridge();
    await here.startGuest(GUEST);
    rig.groups = ['libvirt'];
    await rig.startDaemon({ libvirtUri: here.uri, dirtyRateEveryMs: 10_000 });
    await waitForAgent(rig, GUEST);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([here.stop(), there.stop()]);
    await rig.stop();
  });
  return { rig, here, there };
}
