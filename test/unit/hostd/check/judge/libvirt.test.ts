import { describe, expect, it } from 'vitest';
import { judgeLibvirt, type LibvirtFacts } from '../../../../../hostd/check/judge/libvirt.ts';

const PATH = '/run/libvirt/libvirt-sock';
const GOOD: LibvirtFacts = {
  uri: 'qemu:///system',
  socket: { path: PATH, error: null },
  error: null,
  versions: { libvirt: '11.3.0', qemu: '10.0.2' },
  eventsError: null,
  jobError: null,
};

describe('judgeLibvirt', () => {
  it('is content with one that answers, lets events be followed and jobs be read', () => {
    expect(judgeLibvirt(GOOD).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok']);
    expect(judgeLibvirt({ ...GOOD, jobError: undefined })[2]?.found).toBe('no VM runs here to ask of');
  });

  it.each<[LibvirtFacts['socket'], RegExp]>([
    [{ path: PATH, error: 'missing' }, /start libvirtd/],
    [{ path: PATH, error: 'forbidden' }, /usermod -aG libvirt drover-hostd/],
    [{ path: PATH, error: null }, /virsh -c qemu:\/\/\/system version/],
    [null, /virsh -c qemu:\/\/\/system version/],
  ])('that cannot be reached is told once, and why: %o', (socket, todo) => {
    const findings = judgeLibvirt({ ...GOOD, socket, error: 'error: failed to connect' });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      check: 'libvirt.connection',
      state: 'fail',
      todo: expect.stringMatching(todo),
    });
  });

  it('that gives a read-only connection cannot be used', () => {
    const why = 'error: operation qemuConnectDomainQemuMonitorEventRegister forbidden for read only access';
    const findings = judgeLibvirt({ ...GOOD, eventsError: why, jobError: why });
    expect(findings.map(({ state }) => state)).toEqual(['ok', 'fail', 'fail']);
  });

  it.each([
    ['7.1.9', 'warn'],
    ['7.2.0', 'ok'],
    ['9.0.0', 'ok'],
    ['unknown', 'warn'],
  ])('of version %s is %s: dirty rates', (libvirt, state) => {
    expect(judgeLibvirt({ ...GOOD, versions: { libvirt, qemu: '1' } })[0]?.state).toBe(state);
  });
});
