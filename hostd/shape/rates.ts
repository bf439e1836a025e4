import type { LeaseRequest } from '../contract.ts';
import { HostdError } from '../errors.ts';

/** The rates of a lease against the link. @throws HostdError `lease-rates-invalid` that names the field. */
export function checkRates(request: LeaseRequest, linkBitsPerSecond: number, shapeableBitsPerSecond: number): void {
  for (const direction of ['tx', 'rx'] as const) {
    const reservation = request[direction];
    if (reservation === undefined) continue;
    for (const name of ['migration', 'workload'] as const) {
      const { rateBitsPerSecond: rate, ceilBitsPerSecond: ceil } = reservation[name];
      if (rate > ceil) refuse(`${direction}.${name}: rate ${rate} is above ceil ${ceil}`);
      if (ceil > linkBitsPerSecond)
        refuse(`${direction}.${name}: ceil ${ceil} is above the link's ${linkBitsPerSecond}`);
    }
    const sum = reservation.migration.rateBitsPerSecond + reservation.workload.rateBitsPerSecond;
    if (sum > shapeableBitsPerSecond) {
      refuse(
        `${direction}: the two guarantees add up to ${sum}, above shapeableBitsPerSecond ${shapeableBitsPerSecond} of GET /v1/host`,
      );
    }
  }
}

function refuse(what: string): never {
  throw new HostdError('lease-rates-invalid', `${what}. Ask for less.`);
}
