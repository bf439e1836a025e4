import { HostdError } from '../../errors.ts';
import { dumpAddresses, type InterfaceAddress, parseAddress } from './addresscodec.ts';
import { type DeviceCounters, dumpLinks, getLink, type Link, parseDeviceCounters, parseLink } from './linkcodec.ts';
import { shownName } from './netlink.ts';
import { Questioner } from './question.ts';

/** The host's interfaces, asked of the kernel in hostd's own network namespace (/sys may show another one's). */
export class Links {
  readonly #route = new Questioner(0);

  list(): Link[] {
    const links = new Map<number, Link>();
    const errno = this.#route.ask(dumpLinks, (part, type, from, to) => {
      const link = parseLink(part, type, from, to);
      if (link !== null) links.set(link.index, link);
    });
    if (errno !== 0) throw new HostdError('system-call-failed', `Cannot list the interfaces (errno ${errno})`);
    return [...links.values()];
  }

  addresses(): InterfaceAddress[] {
    const addresses = new Map<string, InterfaceAddress>();
    const errno = this.#route.ask(dumpAddresses, (part, type, from, to) => {
      const address = parseAddress(part, type, from, to);
      if (address !== null) addresses.set(JSON.stringify(address), address);
    });
    if (errno !== 0) throw new HostdError('system-call-failed', `Cannot list the addresses (errno ${errno})`);
    return [...addresses.values()];
  }

  /** @throws HostdError `device-missing` */
  counters(name: string): DeviceCounters {
    let counters: DeviceCounters | null = null;
    this.#route.ask(
      (sequence) => getLink(sequence, name),
      (part, type, from, to) => {
        counters = parseDeviceCounters(part, type, from, to);
      },
    );
    if (counters === null) {
      throw new HostdError(
        'device-missing',
        `No interface ${JSON.stringify(shownName(name))} on this host. Set "nic" to one that \`ip link\` shows.`,
      );
    }
    return counters;
  }

  close(): void {
    this.#route.close();
  }
}
