import type { Logger } from 'pino';
import type { Asks } from '../asks/asks.ts';
import type { SlackApi } from '../channel/slack.ts';
import type { DroverClient } from '../drover/client.ts';
import { describeError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import * as answers from './answers.ts';

export interface HomeParts {
  slack: SlackApi;
  drover: DroverClient;
  asks: Asks;
  journal: Journal;
  /** Whether they may look; else why not. */
  refusal: (user: string) => Promise<string | null>;
  log: Logger;
}

const LAST = 20;

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
    const { drover, refusal } = this.#parts;
    const why = await refusal(user);
    if (why !== null) return answers.homeRefused(why);
    try {
      const [unfinished, hosts, newest, policy] = await Promise.all([
        drover.unfinished(),
        drover.hosts(),
        drover.newest(LAST * 3),
        drover.policy(),
      ]);
      const ended = newest.filter(({ endedAtMs }) => endedAtMs !== null).slice(0, LAST);
      return answers.home({ unfinished, hosts, ended, policy }, Date.now());
    } catch (error) {
      return answers.homeAway(describeError(error));
    }
  }
}
