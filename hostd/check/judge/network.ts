import { type Finding, fail, ok, warn } from '../finding.ts';

export interface NetworkFacts {
  nic: string;
  /** Null: neither the configuration nor nova.conf names one. */
  migrationAddress: string | null;
  peers: readonly string[];
  /** Is the migration address within one of them? */
  withinPeers: boolean;
  /** Has a block of the migration address's own family? Without one no class knows a migration. */
  samePeerFamily: boolean;
  /** Addresses of the host's interfaces. */
  ownAddresses: readonly string[];
  /** One way for each block of peers. */
  routes: readonly Route[];
  listen: { address: string; port: number };
  /** Is the port taken at that address? */
  portTaken: boolean;
  /** Ports below it are not for users. */
  firstFreePort: number;
  /** The process of the hostd that runs here; null: none. */
  running: number | null;
}

export interface Route {
  peer: string;
  /** Null: there is no way, and `error` says why. */
  device: string | null;
  error: string | null;
  /** `nic`: leaves through the NIC itself, or through a VLAN or bridge over it. `tunnel`: inside packets of another kind. */
  over: 'nic' | 'tunnel' | 'other';
}

const ANY = ['0.0.0.0', '::'];

export function judgeNetwork(facts: NetworkFacts): Finding[] {
  return [
    ...judgeMigrationAddress(facts),
    ...facts.routes.map((route) => judgeRoute(route, facts.nic)),
    ...judgeListen(facts),
  ];
}

function judgeMigrationAddress(facts: NetworkFacts): Finding[] {
  const { migrationAddress: address, ownAddresses, peers, withinPeers, samePeerFamily } = facts;
  if (address === null) {
    return [fail('migration.address', 'neither hostd.yaml nor nova.conf names one', 'Set migration.address.')];
  }
  if (!ownAddresses.includes(address)) {
    return [
      fail(
        'migration.address',
        `${address} is on no interface of this host that is up`,
        'Set migration.address to one that `ip address` shows.',
      ),
    ];
  }
  if (!samePeerFamily) {
    const found = `${address} and migration.peers (${peers.join(', ')}) are of different IP versions: no migration is recognised`;
    return [fail('migration.address', found, 'Name the blocks of the migration addresses under migration.peers.')];
  }
  if (!withinPeers) {
    return [
      warn(
        'migration.address',
        `${address} is in none of migration.peers (${peers.join(', ')})`,
        'The blocks are to hold the migration addresses of all hosts: use the same list everywhere.',
      ),
    ];
  }
  return [ok('migration.address', `${address}, within migration.peers`)];
}

function judgeRoute({ peer, device, error, over }: Route, nic: string): Finding {
  if (device === null)
    return fail('migration.route', `no way to ${peer}: ${error}`, 'Add a route, or mend migration.peers.');
  if (over === 'nic')
    return ok('migration.route', `${peer} is reached through ${device === nic ? nic : `${device} over ${nic}`}`);
  if (over === 'tunnel') {
    return fail(
      'migration.route',
      `${peer} is reached through the tunnel ${device}: on ${nic} a migration looks like the tenants' traffic`,
      `Give all hosts a migration address on ${nic} or on a VLAN of it.`,
    );
  }
  return fail(
    'migration.route',
    `${peer} is reached through ${device}, not through ${nic}`,
    `Set "nic" to the interface that carries migrations, or migration.address to one behind ${nic}.`,
  );
}

function judgeListen({ listen, ownAddresses, portTaken, firstFreePort, running }: NetworkFacts): Finding[] {
  const { address, port } = listen;
  const at = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const process = running === null ? ok('hostd', 'does not run now') : ok('hostd', `runs as process ${running}`);
  if (!ANY.includes(address) && !ownAddresses.includes(address)) {
    return [
      process,
      fail(
        'listen',
        `${address} is on no interface of this host that is up`,
        'Set listen.address to one that `ip address` shows.',
      ),
    ];
  }
  if (port !== 0 && port < firstFreePort) {
    return [process, fail('listen', `port ${port} is for root alone`, `Set listen.port to ${firstFreePort} or more.`)];
  }
  if (!portTaken) return [process, ok('listen', `${at} is free`)];
  if (running !== null) return [process, ok('listen', `${at} is hostd's own`)];
  return [
    process,
    fail(
      'listen',
      `something else listens at ${at}`,
      `\`ss -ltnp sport = ${port}\` tells what; set another listen.port.`,
    ),
  ];
}
