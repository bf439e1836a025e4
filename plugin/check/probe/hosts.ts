import type { Config } from '../../config.ts';
import { describeError } from '../../errors.ts';
import { addExchange, surestOffset } from '../../tracker/clock.ts';
import { createHostClient, type HostClient } from '../../tracker/hosts.ts';
import type { HostFacts } from '../judge/hosts.ts';

const NO_LEASE = 'drover-check';

/** Asks each hostd what the plugin would ask it. */
export function probeHosts({ hosts, ...tls }: Config['hostd']): Promise<HostFacts[]> {
  // The lowest fencing number there is: it ends nobody's leadership.
  return Promise.all(
    hosts.map(({ name, url }) =>
      probeHost(
        url,
        createHostClient(name, url, tls, () => 0),
      ),
    ),
  );
}

async function probeHost(url: string, client: HostClient): Promise<HostFacts> {
  const facts: HostFacts = { name: client.host, url, error: null, info: null, mayReserve: null, clock: null };
  try {
    facts.info = await client.info();
    const askedAtMs = Date.now();
    const { nowMs: hostMs } = await client.sample();
    facts.clock = surestOffset(addExchange([], { askedAtMs, answeredAtMs: Date.now(), hostMs }));
    facts.mayReserve = await mayReserve(client);
  } catch (error) {
    facts.error = describeError(error);
  }
  return facts;
}

/** Ends a lease that is not there: whoever may reserve is told so, or that the number is an old one; others get a 403. */
async function mayReserve(client: HostClient): Promise<boolean> {
  try {
    await client.deleteLease(NO_LEASE);
    return true;
  } catch (error) {
    return !describeError(error).includes('HTTP 403');
  }
}
