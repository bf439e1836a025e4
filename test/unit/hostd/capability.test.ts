import { describe, expect, it } from 'vitest';
import { judgePostCopy } from '../../../hostd/capability.ts';
import { NOVA_DEFAULTS } from '../../../hostd/novaconf.ts';

const PERMITS = { ...NOVA_DEFAULTS, permitPostCopy: true };
const judge = (facts: Partial<Parameters<typeof judgePostCopy>[1]>) =>
  judgePostCopy('/etc/nova/nova.conf', { nova: PERMITS, qemuUser: 'libvirt-qemu', unprivileged: false, ...facts });

describe('judgePostCopy', () => {
  it.each([
    { nova: null, qemuUser: 'root', unprivileged: true, permitted: false, says: 'Set novaConf' },
    { nova: NOVA_DEFAULTS, qemuUser: 'root', unprivileged: true, permitted: false, says: 'restart nova-compute' },
    { nova: PERMITS, qemuUser: 'root', unprivileged: false, permitted: true, says: 'as root' },
    { nova: PERMITS, qemuUser: '0', unprivileged: false, permitted: true, says: 'as root' },
    { nova: PERMITS, qemuUser: 'libvirt-qemu', unprivileged: true, permitted: true, says: 'is 1' },
    { nova: PERMITS, qemuUser: 'libvirt-qemu', unprivileged: false, permitted: false, says: 'with sysctl' },
  ])('with nova.conf $nova.permitPostCopy, QEMU of $qemuUser, userfaultfd for all $unprivileged: $permitted', (row) => {
    const { permitted, says, ...facts } = row;
    expect(judge(facts)).toEqual({ permitted, reason: expect.stringContaining(says) });
  });

  it('asks for nothing that would not make it permitted', () => {
    const { reason } = judge({});
    expect(reason).toContain('libvirt-qemu');
    expect(reason).toContain('vm.unprivileged_userfaultfd=1');
    expect(reason).not.toContain('/dev/userfaultfd');
    expect(judge({ unprivileged: true }).permitted).toBe(true);
  });
});
