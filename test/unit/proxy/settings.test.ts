import { expect, test } from 'vitest';
import { ForwardedSettings, LimitSettings, ListenSettings, NovaSettings } from '../../../plugin/proxy/settings.ts';

test('what is not said has its default', () => {
  expect(NovaSettings.parse({ url: 'http://[fd00::1]:8774' })).toEqual({
    url: 'http://[fd00::1]:8774',
    others: [],
    balance: 'round-robin',
    health: { path: '/', intervalMs: 2000, timeoutMs: 2000, fall: 2, rise: 1 },
  });
  expect(ForwardedSettings.parse({})).toEqual({ send: true, trust: ['0.0.0.0/0', '::/0'] });
  expect(LimitSettings.parse({ clientHeaderMs: 1000 })).toEqual({ clientHeaderMs: 1000 });
});

test.each([
  [NovaSettings, { url: 'ftp://nova' }, 'write http://HOST:PORT or https://HOST:PORT'],
  [NovaSettings, { url: 'http://n', others: ['nova2'] }, 'write http://HOST:PORT or https://HOST:PORT'],
  [NovaSettings, { url: 'http://n', balance: 'random' }, 'round-robin'],
  [NovaSettings, { url: 'http://n', health: { path: 'healthcheck' } }, 'write a path such as /healthcheck'],
  [NovaSettings, { url: 'http://n', health: { intervalMs: 0 } }, '>0'],
  [ListenSettings, { address: '::', port: 70000 }, '65535'],
  [ListenSettings, { address: '::', port: 1, tls: { cert: 'a' } }, 'key'],
  [ForwardedSettings, { trust: ['10.0.0.0/33'] }, '"10.0.0.0/33" is no network'],
  [ForwardedSettings, { trust: ['10.0.0.0/'] }, '"10.0.0.0/" is no network'],
  [ForwardedSettings, { trust: ['proxy.example'] }, '"proxy.example" is no network'],
  [LimitSettings, { clientHeaderMs: -1 }, '>0'],
  [LimitSettings, { clientHeader: 1 }, 'Unrecognized key: "clientHeader"'],
])('%#: what is wrong is named', (schema, value, message) => {
  const parsed = schema.safeParse(value);
  expect(JSON.stringify(parsed.error?.issues)).toContain(JSON.stringify(message).slice(1, -1));
});
