import type { Logger } from 'pino';
import { describeError } from './errors.ts';
import { sendDatagram } from './native.ts';

/**
 * Tells systemd how hostd is (sd_notify(3)). Without systemd, or if it does not listen, nothing happens: a daemon does
 * not fail because nobody watches it.
 */
export class Notifier {
  readonly #socket: string | null;
  readonly #watchdogMs: number | null;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;

  constructor(environment: NodeJS.ProcessEnv, log: Logger) {
    this.#socket = environment.NOTIFY_SOCKET || null;
    const microseconds = Number(environment.WATCHDOG_USEC);
    // systemd sets the variable for one process; those that it starts inherit it (sd_watchdog_enabled(3)).
    const forUs = environment.WATCHDOG_PID === undefined || Number(environment.WATCHDOG_PID) === process.pid;
    this.#watchdogMs = forUs && microseconds > 0 ? microseconds / 1000 : null;
    this.#log = log;
  }

  /** From now on the watchdog is fed as long as `alive` says so; `status` is one line for `systemctl status`. */
  ready(alive: () => boolean, status: () => string): void {
    this.#tell('READY=1', `STATUS=${status()}`);
    if (this.#watchdogMs === null) return;
    this.#timer = setInterval(() => {
      if (alive()) this.#tell('WATCHDOG=1', `STATUS=${status()}`);
      else this.#log.error('hostd does not read its counters any more: the watchdog is not fed');
    }, this.#watchdogMs / 2);
  }

  /** To be followed by `reloaded`. */
  reloading(): void {
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  reloaded(): void {
    this.#tell('READY=1');
  }

  stopping(): void {
    clearInterval(this.#timer);
    this.#tell('STOPPING=1', 'STATUS=stopping');
  }

  #tell(...lines: string[]): void {
    if (this.#socket === null) return;
    try {
      sendDatagram(this.#socket, lines.map((line) => line.replaceAll('\n', ' ')).join('\n'));
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#log.warn({ error: describeError(error) }, 'systemd cannot be told how hostd is');
      this.#failed = true;
    }
  }
}
