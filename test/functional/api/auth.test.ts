import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { revokeToken } from '../../../plugin/api/token-file.ts';
import { CALLS, ErrorAnswer } from '../../../plugin/contract.ts';
import { Plugin } from './rig.ts';

let plugin: Plugin;
beforeEach(() => {
  plugin = new Plugin();
});
afterEach(() => {
  vi.useRealTimers();
  return plugin.remove();
});

function keystoneUser(roles: string[], lifeMs = 3600e3) {
  return { userId: 'u1', userName: 'alice', projectId: null, roles, expiresAtMs: Date.now() + lifeMs };
}

describe('bearer tokens', () => {
  it('gives each role its calls over HTTPS and says what is missing', async () => {
    plugin.control = { tls: plugin.certificate() };
    const [reader, admin] = [plugin.token('prometheus', 'read'), plugin.token('root', 'admin')];
    await plugin.start();
    expect((await plugin.call('GET', '/v1/hosts', { token: reader })).status).toBe(200);
    const refused = await plugin.call('GET', '/v1/audit', { token: reader });
    expect(refused.status).toBe(403);
    expect(ErrorAnswer.parse(refused.json).error).toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('takes the role "admin", and "prometheus" has "read"'),
      requestId: refused.headers['x-request-id'],
    });
    expect((await plugin.call('GET', '/v1/audit', { token: admin })).json).toMatchObject([
      { who: 'prometheus', via: 'token', action: 'GET', target: '/v1/audit', decision: 'forbidden' },
    ]);
  });

  it('answers nobody without a token but who asks whether it lives', async () => {
    plugin.token('bot', 'request');
    await plugin.start();
    for (const call of Object.keys(CALLS)) {
      const [method = '', path = ''] = call.replace('{id}', '1').split(' ');
      const { status, headers } = await plugin.call(method, path);
      const open = path === '/healthz' || path === '/readyz';
      expect([call, status]).toEqual([call, open ? 200 : status === 429 ? 429 : 401]);
      if (status === 401) expect(headers['www-authenticate']).toBe('Bearer realm="drover"');
    }
  });

  it('takes up a token that is made, ended or run out while it runs', async () => {
    await plugin.start();
    expect((await plugin.call('GET', '/v1/hosts', { token: 'drover_nobody' })).status).toBe(401);
    const token = plugin.token('bot', 'read');
    expect((await plugin.call('GET', '/v1/hosts', { token })).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'] });
    const brief = plugin.token('brief', 'read', Date.now() + 30_000);
    expect((await plugin.call('GET', '/v1/hosts', { token: brief })).status).toBe(200);
    vi.setSystemTime(Date.now() + 30_001);
    expect((await plugin.call('GET', '/v1/hosts', { token: brief })).status).toBe(401);
    revokeToken(plugin.tokens, 'bot');
    expect((await plugin.call('GET', '/v1/hosts', { token })).status).toBe(401);
  });

  it('keeps the tokens before when the file is broken and says so, and takes none when it is gone', async () => {
    const token = plugin.token('bot', 'read');
    await plugin.start();
    const good = readFileSync(plugin.tokens, 'utf8');
    writeFileSync(`${plugin.tokens}.x`, good.replace('read', 'king'));
    renameSync(`${plugin.tokens}.x`, plugin.tokens);
    expect((await plugin.call('GET', '/v1/hosts', { token })).status).toBe(200);
    expect((await plugin.local('GET', '/healthz')).json).toMatchObject({
      status: 'degraded',
      problems: [expect.stringContaining('tokens.yaml: 0.role')],
    });
    rmSync(plugin.tokens);
    expect((await plugin.call('GET', '/v1/hosts', { token })).status).toBe(401);
  });

  it('lets an address fail ten times, then makes it wait, while a good token from there goes on', async () => {
    const token = plugin.token('bot', 'read');
    await plugin.start();
    const statuses = [];
    for (let n = 0; n < 12; n += 1) {
      statuses.push((await plugin.call('GET', '/v1/hosts', { token: `drover_${n}` })).status);
    }
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
    const refused = await plugin.call('GET', '/v1/hosts');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await plugin.call('GET', '/v1/hosts', { token })).status).toBe(200);
    expect((await plugin.local('GET', '/v1/audit')).json).toHaveLength(10);
    expect((await plugin.local('GET', '/metrics')).text).toContain('drover_plugin_api_refused_attempts_total 13');
  });

  it('writes no token anywhere', async () => {
    const token = plugin.token('bot', 'read');
    plugin.control = { keystone: { roles: { admin: 'admin' } } };
    await plugin.start();
    await plugin.call('GET', `/v1/migrations?vm=${token}`, { token });
    await plugin.call('GET', '/v1/audit', { token });
    await plugin.call('GET', '/v1/hosts', { token: `${token}x` });
    await plugin.call('GET', '/v1/hosts', { headers: { 'x-auth-token': 'gAAAA-secret' } });
    await expect.poll(async () => (await plugin.store.audit(null, 10)).length).toBe(3);
    await plugin.stop();
    const kept = ['drover.db', 'drover.db-wal', 'tokens.yaml'].map((name) => `${plugin.folder}/${name}`);
    const texts = [...plugin.logged, ...kept.filter(existsSync).map((file) => readFileSync(file, 'latin1'))];
    expect(texts.join('')).not.toContain(token.slice('drover_'.length));
    expect(texts.join('')).not.toContain('gAAAA-secret');
  });
});

describe('Keystone tokens', () => {
  beforeEach(() => {
    plugin.control = { keystone: { roles: { admin: 'admin', member: 'read' } } };
  });
  const ask = (token: string, path = '/v1/audit') => plugin.call('GET', path, { headers: { 'x-auth-token': token } });

  it('gives a user the highest role that their own map to, and asks Keystone once a minute', async () => {
    plugin.keystone.users.set('good', keystoneUser(['member', 'admin', 'reader']));
    plugin.keystone.users.set('low', keystoneUser(['member']));
    plugin.keystone.users.set('none', keystoneUser(['reader', 'constructor']));
    await plugin.start();
    const both = await Promise.all([ask('good'), ask('good'), ask('good')]);
    expect(both.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await ask('good')).status).toBe(200);
    expect(plugin.keystone.asked).toBe(1);
    expect((await ask('low')).status).toBe(403);
    expect((await ask('none')).status).toBe(401);
  });

  it('does not take a token beyond its end, nor an unknown one, nor any while Keystone is silent', async () => {
    await plugin.start();
    vi.useFakeTimers({ toFake: ['Date'] });
    plugin.keystone.users.set('brief', keystoneUser(['admin'], 30_000));
    expect((await ask('brief')).status).toBe(200);
    plugin.keystone.users.delete('brief');
    vi.setSystemTime(Date.now() + 30_001);
    expect((await ask('brief')).status).toBe(401);
    plugin.keystone.down = true;
    expect(await ask('other')).toMatchObject({
      status: 502,
      json: { error: { code: 'keystone-unreachable', retryable: true } },
    });
  });

  it('stops asking Keystone for an address that sends bad ones', async () => {
    await plugin.start();
    for (let n = 0; n < 15; n += 1) await ask(`bad-${n}`);
    expect(plugin.keystone.asked).toBe(10);
  });
});

describe('without a network in the configuration', () => {
  it('answers on the socket alone, where whoever may open it may do everything', async () => {
    plugin.control = null;
    await plugin.start();
    expect(plugin.port).toBe(0);
    expect((await plugin.local('GET', '/v1/audit')).status).toBe(200);
  });
});
