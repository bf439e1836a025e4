import { horizonRequests } from './corpus/horizon.ts';
import { hostileRequests } from './corpus/hostile.ts';
import { migrateRequests } from './corpus/migrate.ts';
import { randomRequests } from './corpus/random.ts';
import { recordedRequests } from './corpus/recorded.ts';
import type { Request } from './request.ts';

export function wholeCorpus(seed: number, random: number): Request[] {
  return [
    ...recordedRequests(),
    ...horizonRequests(),
    ...migrateRequests(),
    ...hostileRequests(),
    ...randomRequests(seed, random),
  ];
}

/** About `count` of them, evenly from each source and always the same ones. */
export function someOf(requests: readonly Request[], count: number): Request[] {
  const every = Math.max(1, Math.ceil(requests.length / count));
  return requests.filter((_, at) => at % every === 0);
}
