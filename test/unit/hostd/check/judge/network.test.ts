import { describe, expect, it } from 'vitest';
import { judgeNetwork, type NetworkFacts, type Route } from '../../../../../hostd/check/judge/network.ts';

const ROUTE: Route = { peer: '10.0.0.1', device: 'eth0', error: null, over: 'nic' };
const GOOD: NetworkFacts = {
  nic: 'eth0',
  migrationAddress: '10.0.0.11',
  peers: ['10.0.0.0/24'],
  withinPeers: true,
  samePeerFamily: true,
  ownAddresses: ['127.0.0.1', '10.0.0.11'],
  routes: [ROUTE],
  listen: { address: '10.0.0.11', port: 7411 },
  portTaken: false,
  firstFreePort: 1024,
  running: null,
};

describe('judgeNetwork', () => {
  it.each<[string, Partial<NetworkFacts>, string, 'ok' | 'warn' | 'fail', string]>([
    ['a good host', {}, 'migration.route', 'ok', 'through eth0'],
    ['no migration address', { migrationAddress: null }, 'migration.address', 'fail', 'neither'],
    [
      'one of another host',
      { migrationAddress: '10.0.0.12' },
      'migration.address',
      'fail',
      'on no interface of this host',
    ],
    ['one outside the peers', { withinPeers: false }, 'migration.address', 'warn', 'in none of'],
    ['peers of another IP version', { samePeerFamily: false }, 'migration.address', 'fail', 'different IP versions'],
    ['a bridge over the NIC', { routes: [{ ...ROUTE, device: 'br0' }] }, 'migration.route', 'ok', 'br0 over eth0'],
    ['a VLAN on the NIC', { routes: [{ ...ROUTE, device: 'eth0.7' }] }, 'migration.route', 'ok', 'eth0.7 over eth0'],
    [
      'a tunnel over the NIC',
      { routes: [{ ...ROUTE, device: 'vxlan-7', over: 'tunnel' }] },
      'migration.route',
      'fail',
      'the tunnel vxlan-7',
    ],
    [
      'another NIC',
      { routes: [{ ...ROUTE, device: 'eth1', over: 'other' }] },
      'migration.route',
      'fail',
      'not through eth0',
    ],
    [
      'no way',
      { routes: [{ ...ROUTE, device: null, error: 'unreachable' }] },
      'migration.route',
      'fail',
      'unreachable',
    ],
    ['a free port', {}, 'listen', 'ok', '10.0.0.11:7411 is free'],
    ["hostd's own port", { portTaken: true, running: 42 }, 'listen', 'ok', "hostd's own"],
    ['a port of somebody else', { portTaken: true }, 'listen', 'fail', 'something else'],
    ['a port for root', { listen: { address: '10.0.0.11', port: 443 } }, 'listen', 'fail', 'root'],
    ['any port', { listen: { address: '10.0.0.11', port: 0 } }, 'listen', 'ok', 'free'],
    [
      'an address of another host',
      { listen: { address: '10.0.0.9', port: 7411 } },
      'listen',
      'fail',
      '10.0.0.9 is on no',
    ],
    ['all addresses', { listen: { address: '::', port: 7411 } }, 'listen', 'ok', '[::]:7411'],
    ['a hostd that runs', { running: 42 }, 'hostd', 'ok', 'process 42'],
  ])('%s', (_, change, check, state, found) => {
    const finding = judgeNetwork({ ...GOOD, ...change }).find((each) => each.check === check);
    expect(finding?.state).toBe(state);
    expect(finding?.found).toContain(found);
    expect(finding?.todo === null).toBe(state === 'ok');
  });
});
