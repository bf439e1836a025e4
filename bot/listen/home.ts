import type { Logger } from 'pino';
import type { Audit } from '../audit.ts';
import type { SlackApi } from '../channel/slack.ts';
import type { DroverClient } from '../drover/client.ts';
import { ControlError, describeError } from '../errors.ts';
import * as answers from './answers.ts';

export interface HomeParts {
  slack: SlackApi;
  drover: DroverClient;
  /** Whether they may look; else why not. */
  refusal: (user: string) => Promise<string | null>;
  audit: Audit;
  log: Logger;
}

const LAST = 20;
const MOST_READ = 1000;

/** The app's home: what waits and runs, the hosts, the last that ended. Made when somebody opens it. */
export class Home {
  readonly #parts: HomeParts;

  constructor(parts: HomeParts) {
    this.#parts = parts;
  }

  async show(user: string): Promise<void> {
    const { slack, log } = this.#parts;
    try {
      const view = await this.#view(user);
      await slack.call('views.publish', { user_id: user, view });
    } catch (error) {
      log.warn({ user, error: describeError(error) }, 'a home cannot be shown');
    }
  }

  async #view(user: string): Promise<object> {
    const { drover, refusal, audit } = this.#parts;
    const why = await refusal(user);
    audit.note(user, 'home', null, why === null ? 'accepted' : 'forbidden', why === null ? {} : { why });
    if (why !== null) return answers.homeRefused(why);
    try {
      const [unfinished, hosts, policy] = await Promise.all([drover.unfinished(), drover.hosts(), drover.policy()]);
      // However many run: the last that ended are among so many.
      const newest = await drover.newest(Math.min(MOST_READ, unfinished.length + LAST));
      const ended = newest.filter(({ endedAtMs }) => endedAtMs !== null).slice(0, LAST);
      return answers.home({ unfinished, hosts, ended, policy }, Date.now());
    } catch (error) {
      return answers.homeAway(error instanceof ControlError ? error.message : describeError(error));
    }
  }
}
