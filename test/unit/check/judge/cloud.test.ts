import { describe, expect, it } from 'vitest';
import { type CloudFacts, judgeCloud } from '../../../../plugin/check/judge/cloud.ts';

const GOOD: CloudFacts = {
  authUrl: 'http://keystone:5000/v3',
  novaUrl: 'http://nova:8774',
  loginError: null,
  roles: ['reader', 'admin'],
  publicComputeUrls: ['http://api:8774/v2.1'],
  versions: { min: '2.1', max: '2.93' },
  versionsError: null,
  calls: [{ check: 'nova.services', what: 'compute services are listed', refused: null }],
};
const judge = (change: Partial<CloudFacts>, roles = ['admin'], port = 8775) =>
  judgeCloud({ ...GOOD, ...change }, roles, port);
const refused = (forbidden: boolean) => [
  { check: 'nova.services', what: 'x', refused: { forbidden, text: 'HTTP 403' } },
];

describe('judgeCloud', () => {
  it.each<[string, Partial<CloudFacts>, string, string]>([
    ['a cloud as it should be', {}, 'nova.api', 'ok'],
    ['no token', { loginError: 'HTTP 401' }, 'keystone.login', 'fail'],
    ['a Nova that does not answer', { versions: null, versionsError: 'refused' }, 'nova.api', 'fail'],
    ['a Nova of before Train', { versions: { min: '2.1', max: '2.79' } }, 'nova.api', 'fail'],
    ['a Nova of Train', { versions: { min: '2.1', max: '2.80' } }, 'nova.api', 'ok'],
    ['a Nova with three digits', { versions: { min: '2.1', max: '2.104' } }, 'nova.api', 'ok'],
    ['an account that may not migrate', { roles: ['member'] }, 'keystone.role', 'fail'],
    ['a call that Nova forbids', { calls: refused(true) }, 'nova.services', 'fail'],
    ['a catalogue without Nova', { publicComputeUrls: [] }, 'keystone.catalogue', 'warn'],
  ])('%s', (_, change, check, state) => {
    expect(judge(change).find((each) => each.check === check)?.state).toBe(state);
  });

  it('says nothing of rights without a token', () => {
    expect(judge({ loginError: 'HTTP 401' }).map(({ check }) => check)).toEqual(['keystone.login', 'nova.api']);
  });

  it('tells what the account lacks from what the service lacks', () => {
    const todo = (forbidden: boolean) =>
      judge({ calls: refused(forbidden) }).find(({ check }) => check === 'nova.services')?.todo;
    expect(todo(true)).toContain('role');
    expect(todo(false)).toContain('log');
  });

  it('tells by which way clients come', () => {
    const found = (url: string, port: number) => judge({ publicComputeUrls: [url] }, ['admin'], port).at(-1)?.found;
    expect(found('http://api:8775/v2.1', 8775)).toContain("clients come to Drover's port");
    expect(found('http://api:8774/v2.1', 8775)).toContain('a proxy there must send to Drover');
    expect(found('https://api/compute', 443)).toContain("clients come to Drover's port");
  });
});
