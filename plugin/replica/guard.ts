import type { NovaCalls } from '../nova/control.ts';
import type { Election } from './election.ts';

/**
 * Nova's calls for a controller that may be deposed between two of its steps: what changes something is done only while
 * this replica leads, and comes back as "nobody knows" otherwise, whereupon the next leader finds out.
 */
export function whileLeading(nova: NovaCalls, election: () => Pick<Election, 'leads' | 'term'> | null): NovaCalls {
  const leads = () => election()?.leads() === true;
  return {
    ...nova,
    // Asked again when the connection stands: a process that was stopped meanwhile goes on in the middle of this.
    submit: async (vmUuid, request) => {
      const now = election();
      if (now === null || !leads()) return 'unknown';
      return nova.submit(vmUuid, request, { stands: leads, signal: now.term });
    },
    forwarded: async (forward) => (leads() ? nova.forwarded(forward) : { submission: 'unknown', answer: null }),
    abort: async (vmUuid, novaMigrationId) => (leads() ? nova.abort(vmUuid, novaMigrationId) : NOT_LEADING),
    forceComplete: async (vmUuid, novaMigrationId) => (leads() ? nova.forceComplete(vmUuid, novaMigrationId) : NOT_NOW),
  };
}

/** As Nova answers one that it cannot switch (yet). */
const NOT_NOW = 400;
const NOT_LEADING = { status: 503, text: 'this replica does not lead any more: ask again' };
