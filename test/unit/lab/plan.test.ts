import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkOptions, DEFAULT_OPTIONS, labPaths, planGuest, planHosts } from '../../lab/plan.ts';

test('hosts have distinct names, addresses, MACs and uuids', () => {
  const hosts = planHosts({ name: 'x', hosts: 8 });
  for (const key of ['name', 'namespace', 'address', 'mac', 'uuid'] as const) {
    expect(new Set(hosts.map((host) => host[key])).size).toBe(8);
  }
  expect(hosts[0]).toMatchObject({ name: 'compute-1', namespace: 'x-compute-1', address: '10.77.0.11' });
  expect(hosts.every((host) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(host.uuid))).toBe(true);
});

test('labs of different names share no namespace and no file', () => {
  const a = labPaths('a');
  const b = labPaths('b');
  for (const key of Object.keys(a) as (keyof typeof a)[]) expect(a[key]).not.toBe(b[key]);
  const namespaces = [...planHosts({ name: 'a', hosts: 8 }), ...planHosts({ name: 'b', hosts: 8 })];
  expect(new Set(namespaces.map((host) => host.namespace)).size).toBe(16);
});

test('the last byte of the MAC is that of the address', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 254 }), (byte) => {
      const { ip, mac } = planGuest(byte);
      return Number.parseInt(mac.slice(-2), 16) === Number(ip.split('.')[3]) && mac.length === 17;
    }),
  );
});

test('the default options are allowed', () => {
  expect(checkOptions(DEFAULT_OPTIONS)).toBe(DEFAULT_OPTIONS);
});

test.for([
  [{ name: '' }, /--name/],
  [{ name: 'x/../y' }, /--name/],
  [{ name: '-rf' }, /--name/],
  [{ name: 'a'.repeat(21) }, /--name/],
  [{ hosts: 0 }, /--hosts 0/],
  [{ hosts: 9 }, /--hosts 9/],
  [{ hosts: 1.5 }, /--hosts 1.5/],
  [{ linkMegabitsPerSecond: 1 }, /--link 1/],
  [{ maxLiveMigrations: Number.NaN }, /--max-live-migrations NaN/],
  [{ withoutPostCopy: ['compute-3'] }, /compute-3: the hosts are compute-1, compute-2/],
] as const)('refuses %o', ([wrong, message]) => {
  expect(() =>
    checkOptions({
      ...DEFAULT_OPTIONS,
      ...wrong,
      withoutPostCopy: [...('withoutPostCopy' in wrong ? wrong.withoutPostCopy : [])],
    }),
  ).toThrow(message);
});
