import { describe, expect, it } from 'vitest';
import { judgeNova, type NovaFacts } from '../../../../../hostd/check/judge/nova.ts';
import { NOVA_DEFAULTS, parseNovaConf } from '../../../../../hostd/novaconf.ts';

const judge = (conf: string, change: Partial<NovaFacts> = {}) =>
  judgeNova({
    file: '/etc/nova/nova.conf',
    host: 'compute-1',
    hostname: 'compute-1',
    options: parseNovaConf(conf),
    error: null,
    postCopy: { permitted: true, reason: 'Nova permits it.' },
    ...change,
  });
const GOOD = '[DEFAULT]\nmax_concurrent_live_migrations = 4\n[libvirt]\nlive_migration_permit_post_copy = true\n';

describe('judgeNova', () => {
  it('is content with settings that leave all to Drover', () => {
    expect(judge(GOOD).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it.each<[string, string, 'ok' | 'warn' | 'fail', string]>([
    ['[libvirt]\nlive_migration_bandwidth = 100', 'nova.bandwidth', 'warn', '100 MiB/s'],
    ['[libvirt]\nlive_migration_bandwidth = 0', 'nova.bandwidth', 'ok', ''],
    ['[DEFAULT]\nmax_concurrent_live_migrations = 1', 'nova.concurrent', 'warn', 'one after another'],
    ['[DEFAULT]\nmax_concurrent_live_migrations = 0', 'nova.concurrent', 'ok', 'as many'],
    ['[libvirt]\nlive_migration_timeout_action = force_complete', 'nova.timeout', 'warn', 'after 800 s'],
    [
      '[libvirt]\nlive_migration_timeout_action = force_complete\nlive_migration_completion_timeout = 0',
      'nova.timeout',
      'ok',
      'ends no migration',
    ],
    [
      '[libvirt]\nlive_migration_completion_timeout = 90',
      'nova.timeout',
      'ok',
      'after 90 s for each GiB Nova itself aborts',
    ],
    ['[libvirt]\nlive_migration_tunnelled = True', 'nova.tunnelled', 'fail', "libvirt's own connection"],
    ['[DEFAULT]\nhost = other', 'nova.conf', 'warn', 'Nova calls this host other'],
  ])('%j', (conf, check, state, found) => {
    const finding = judge(conf).find((each) => each.check === check);
    expect(finding?.state).toBe(state);
    expect(finding?.found).toContain(found);
  });

  it('takes the name of the host from the system where nova.conf has none', () => {
    expect(judge(GOOD, { hostname: 'elsewhere' })[0]).toMatchObject({ check: 'nova.conf', state: 'warn' });
  });

  it('tells of a file that cannot be read once, and what to do', () => {
    const findings = judge('', { options: null, error: 'EACCES: permission denied' });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      state: 'fail',
      todo: expect.stringContaining('usermod -aG nova drover-hostd'),
    });
  });

  it('warns where post-copy is not permitted, with the reason', () => {
    const finding = judge(GOOD, { postCopy: { permitted: false, reason: 'Set vm.unprivileged_userfaultfd=1.' } })[1];
    expect(finding).toMatchObject({
      check: 'nova.post-copy',
      state: 'warn',
      todo: 'Set vm.unprivileged_userfaultfd=1.',
    });
  });
});

describe('parseNovaConf', () => {
  it('keeps what was read before where a later file is silent or cannot be meant', () => {
    const first = parseNovaConf(
      '[libvirt]\nlive_migration_bandwidth=50\nlive_migration_timeout_action=force_complete\nlive_migration_tunnelled=1',
    );
    const second = parseNovaConf('[libvirt]\nlive_migration_bandwidth=fast\nlive_migration_timeout_action=hope', first);
    expect(second).toEqual({
      ...NOVA_DEFAULTS,
      liveMigrationBandwidthMebibytes: 50,
      timeoutAction: 'force_complete',
      tunnelled: true,
    });
  });
});
