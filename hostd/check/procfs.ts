/** Texts of /proc that tell without side effects what holds a file or a port. Pure. */

const LISTENING = '0A';

/**
 * Does anything listen at this port in a way that keeps hostd from it? `tcp` and `tcp6` are /proc/net/tcp and tcp6. A
 * listener at all addresses keeps it from each, and each keeps it from all.
 */
export function isPortTaken(tcp: string, tcp6: string, address: string, port: number): boolean {
  const ipv6 = address.includes(':');
  const any = address === '0.0.0.0' || address === '::';
  const at = (text: string) =>
    text.split('\n').flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [host = '', hex = ''] = local.split(':');
      return state === LISTENING && Number.parseInt(hex, 16) === port ? [host] : [];
    });
  const zero = (host: string) => /^0+$/.test(host);
  const v4 = at(tcp).some((host) => any || (!ipv6 && (zero(host) || dotted(host) === address)));
  // A listener of [::] takes IPv4 too. Other IPv6 addresses are not compared in all their spellings: the port counts.
  const v6 = at(tcp6).some((host) => any || ipv6 || zero(host));
  return v4 || v6;
}

/** The kernel prints the address as one word of the machine: little endian here. */
function dotted(hex: string): string {
  return (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

/**
 * Does this process hold a lock of flock(2) on the file? `locks` is /proc/locks:
 * `7: FLOCK  ADVISORY  WRITE 21817 fe:00:1049 0 EOF`.
 */
export function holdsLock(locks: string, process: number, inode: number): boolean {
  return locks.split('\n').some((line) => {
    const [, kind, , mode, holder, file] = line.trim().split(/\s+/);
    return kind === 'FLOCK' && mode === 'WRITE' && Number(holder) === process && Number(file?.split(':')[2]) === inode;
  });
}

const CAP_NET_ADMIN = 12n;

/** Of /proc/PID/status: the effective set (capabilities(7)). */
export function hasNetAdmin(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}
