import { describe, expect, it } from 'vitest';
import { judgeRights, type RightsFacts } from '../../../../../hostd/check/judge/rights.ts';

const STATE = { path: '/var/lib/drover-hostd', exists: true, error: null, syncMs: 2 };
const GOOD: RightsFacts = { uid: 990, user: 'drover-hostd', netAdmin: true, stateDir: STATE, netlinkError: null };

describe('judgeRights', () => {
  it.each<[string, Partial<RightsFacts>, string, 'ok' | 'warn' | 'fail']>([
    ['the service', {}, 'rights.user', 'ok'],
    ['root, for whom these lines say little', { uid: 0, user: 'root' }, 'rights.user', 'warn'],
    ['no CAP_NET_ADMIN', { netAdmin: false }, 'rights.capability', 'fail'],
    ['no netlink', { netlinkError: 'socket(AF_NETLINK): not supported' }, 'rights.netlink', 'fail'],
    ['no state directory yet', { stateDir: { ...STATE, exists: false } }, 'rights.state', 'warn'],
    ['a state directory of somebody else', { stateDir: { ...STATE, error: 'EACCES' } }, 'rights.state', 'fail'],
    ['a slow disk', { stateDir: { ...STATE, syncMs: 900 } }, 'rights.state', 'warn'],
    ['a usual disk', { stateDir: { ...STATE, syncMs: 40 } }, 'rights.state', 'ok'],
  ])('%s', (_, change, check, state) => {
    expect(judgeRights({ ...GOOD, ...change }).find((each) => each.check === check)?.state).toBe(state);
  });

  it('says how root sees what the service sees', () => {
    expect(judgeRights({ ...GOOD, uid: 0, user: 'root' })[0]?.todo).toContain('--user drover-hostd');
  });
});
