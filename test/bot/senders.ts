import { setTimeout as sleep } from 'node:timers/promises';
import { isFinal } from '../../bot/asks/ask.ts';
import type { Random } from '../random.ts';
import type { Delivered, Delivery } from '../slack/courier.ts';
import type { Message } from '../slack/workspace.ts';
import { type BotRig, OPS } from './rig.ts';

/** One request that somebody typed, and how Slack brought it. */
export interface Typed {
  /** In the plugin's record it is known by its deadline, which no other request has. */
  deadlineAtMs: number;
  vm: string;
  channel: string;
  text: string;
  deliveries: number;
  acknowledged: number;
  /** It does not start before it is cancelled. */
  isCancelled: boolean;
  clicks: number;
}

export interface SenderOptions {
  requests: number;
  /** Each is brought so often on average. */
  copies: number;
  channels: number;
  /** A copy comes so much later, at most. */
  delayMs: number;
}

const HOUR_MS = 3600_000;
const CLICK_WITHIN_MS = 240_000;

/**
 * People who type requests, and a Slack that brings each of them again and again, late and in any order: until it was
 * acknowledged, and some times more.
 */
export class Senders {
  readonly typed: Typed[] = [];
  readonly #rig: BotRig;
  readonly #random: Random;
  readonly #options: SenderOptions;
  readonly #busy = new Set<string>();
  readonly #work = new Set<Promise<void>>();

  constructor(rig: BotRig, random: Random, options: SenderOptions) {
    this.#rig = rig;
    this.#random = random;
    this.#options = options;
  }

  get deliveries(): number {
    return this.typed.reduce((sum, { deliveries, clicks }) => sum + deliveries + clicks, 0);
  }

  /** Resolves when all is typed, brought and acknowledged. */
  async run(gapMs: number): Promise<void> {
    const { requests } = this.#options;
    for (let n = 0; n < requests; n += 1) {
      const vm = await this.#free();
      const work = this.#request(n, vm).finally(() => this.#work.delete(work));
      this.#work.add(work);
      await sleep(this.#random.within(0, 2 * gapMs));
    }
    await Promise.all(this.#work);
  }

  /** A server whose last request is over. */
  async #free(): Promise<string> {
    for (;;) {
      const names = [...this.#rig.cloud.machines.machines.values()].map(({ name }) => name);
      const free = names.filter((name) => !this.#busy.has(name));
      const [first, ...rest] = free;
      if (first !== undefined) {
        const vm = this.#random.pick([first, ...rest]);
        this.#busy.add(vm);
        return vm;
      }
      await sleep(100);
    }
  }

  async #request(n: number, vm: string): Promise<void> {
    const { channels, copies, delayMs } = this.#options;
    const minute = Math.floor(Date.now() / 60_000) * 60_000;
    const isCancelled = this.#random.chance(0.15);
    const deadlineAtMs = minute + 24 * HOUR_MS + n * 60_000;
    const iso = (atMs: number) => `${new Date(atMs).toISOString().slice(0, 16)}Z`;
    const start = isCancelled ? ` at ${iso(minute + 2 * HOUR_MS)}` : '';
    const typed: Typed = {
      deadlineAtMs,
      vm,
      channel: `C${String(n % channels).padStart(3, '0')}`,
      text: `${this.#random.pick(['low', 'medium', 'high'])} ${vm}${start} by ${iso(deadlineAtMs)}`,
      deliveries: 0,
      acknowledged: 0,
      isCancelled,
      clicks: 0,
    };
    this.typed.push(typed);
    const first = await this.#rig.slack.command(typed.text, { user: OPS, channel: typed.channel }, this.#rig.url);
    this.#count(typed, first);
    const more = this.#random.whole(0, 2 * (copies - 1));
    const again = Array.from({ length: more }, () => this.#later(typed, first.delivery, delayMs));
    await Promise.all([...again, this.#untilAcknowledged(typed, first.delivery)]);
    if (isCancelled) await this.#cancel(typed);
    await this.#over(typed);
    this.#busy.delete(vm);
  }

  /** A copy that nobody is there for comes again. */
  async #later(typed: Typed, delivery: Delivery, delayMs: number): Promise<void> {
    await sleep(this.#random.within(0, 1) ** 3 * delayMs);
    for (let attempt = 1; ; attempt += 1) {
      const delivered = await this.#again(delivery, attempt);
      this.#count(typed, delivered);
      if (delivered.acknowledged) return;
      await sleep(this.#random.whole(500, 3000));
    }
  }

  async #untilAcknowledged(typed: Typed, delivery: Delivery): Promise<void> {
    for (let attempt = 1; typed.acknowledged === 0; attempt += 1) {
      await sleep(this.#random.whole(200, 1500));
      if (typed.acknowledged === 0) this.#count(typed, await this.#again(delivery, attempt));
    }
  }

  #again(delivery: Delivery, attempt: number): Promise<Delivered> {
    return this.#rig.slack.again(delivery, this.#rig.url, { attempt, reason: 'timeout' });
  }

  #count(typed: Typed, { acknowledged }: Delivered): void {
    typed.deliveries += 1;
    if (acknowledged) typed.acknowledged += 1;
  }

  /** Clicks Cancel as soon as the message is there, twice, and Slack brings each click twice. */
  async #cancel(typed: Typed): Promise<void> {
    const untilMs = Date.now() + CLICK_WITHIN_MS;
    while (Date.now() < untilMs) {
      const message = this.#messageOf(typed);
      if (message && JSON.stringify(message.versions.at(-1)).includes('ask.cancel')) {
        const at = { channel: message.channel, ts: message.ts, actionId: 'ask.cancel' };
        const clicks = await Promise.all([0, 1].map(() => this.#rig.slack.click(at, OPS, this.#rig.url)));
        const copies = await Promise.all(clicks.map(({ delivery }) => this.#again(delivery, 1)));
        typed.clicks += clicks.length + copies.length;
        if ([...clicks, ...copies].some(({ acknowledged }) => acknowledged)) return;
      }
      await sleep(300);
    }
  }

  #messageOf({ channel, text }: Typed): Message | undefined {
    return this.#rig.messages(channel).find(({ versions }) => JSON.stringify(versions.at(-1)).includes(text));
  }

  /** Its migration has ended, so the next of this server is another one. */
  async #over(typed: Typed): Promise<void> {
    for (;;) {
      const known = await this.#rig.plugin.newest().catch(() => []);
      const record = known.find(({ asked }) => asked?.deadlineAtMs === typed.deadlineAtMs);
      if (record && isFinal(record)) return;
      await sleep(500);
    }
  }
}
