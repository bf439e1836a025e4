import type { LinkReservation } from 'drover-hostd/contract';
import type { Decision } from '../../contract.ts';

/** A reservation whose migration class sends no more than this at its source. */
export function atMost({ sourceTx, ...rest }: Decision['reservation'], bitsPerSecond: number): Decision['reservation'] {
  return { sourceTx: sourceTx && lowered(sourceTx, bitsPerSecond), ...rest };
}

function lowered({ migration, workload }: LinkReservation, bitsPerSecond: number): LinkReservation {
  const most = Math.max(1, Math.floor(bitsPerSecond));
  if (migration.ceilBitsPerSecond <= most) return { migration, workload };
  const rateBitsPerSecond = Math.min(migration.rateBitsPerSecond, most);
  return { migration: { ...migration, rateBitsPerSecond, ceilBitsPerSecond: most }, workload };
}
