import { execFile } from 'node:child_process';
import type { Logger } from 'pino';
import { describeError } from './errors.ts';

const PROGRAM = 'systemd-notify';
const TIMEOUT_MS = 5000;

export interface Service {
  /** One line for `systemctl status`. */
  status(): string;
  stop(): Promise<void>;
}

/**
 * Runs a service until SIGTERM or SIGINT, which it obeys once: what has begun is ended first. Tells systemd
 * how it is.
 */
export async function runService(log: Logger, start: () => Promise<Service>): Promise<void> {
  const notifier = new Notifier(process.env, log);
  const service = await start();
  notifier.ready(() => service.status());
  const stop = () => {
    notifier.stopping();
    service.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

/**
 * Tells systemd how the service is (sd_notify(3)), by systemd's own program: Node has no sockets of datagrams. Without
 * systemd nothing happens. The watchdog is fed by a timer of the event loop: a service whose loop hangs is started again.
 */
class Notifier {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #watchdogMs: number | null;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;

  constructor(environment: NodeJS.ProcessEnv, log: Logger) {
    this.#environment = environment;
    const microseconds = Number(environment.WATCHDOG_USEC);
    // systemd sets the variable for one process; those that it starts inherit it (sd_watchdog_enabled(3)).
    const forUs = environment.WATCHDOG_PID === undefined || Number(environment.WATCHDOG_PID) === process.pid;
    this.#watchdogMs = forUs && microseconds > 0 ? microseconds / 1000 : null;
    this.#log = log;
  }

  /** From now on the watchdog is fed; `status` is one line for `systemctl status`. */
  ready(status: () => string): void {
    this.#tell('READY=1', `STATUS=${status()}`);
    if (this.#watchdogMs === null) return;
    this.#timer = setInterval(() => this.#tell('WATCHDOG=1', `STATUS=${status()}`), this.#watchdogMs / 3);
    this.#timer.unref();
  }

  stopping(): void {
    clearInterval(this.#timer);
    this.#tell('STOPPING=1', 'STATUS=stopping');
  }

  #tell(...lines: string[]): void {
    if (!this.#environment.NOTIFY_SOCKET) return;
    const args = lines.map((line) => line.replaceAll('\n', ' '));
    execFile(PROGRAM, args, { env: this.#environment, timeout: TIMEOUT_MS }, (error) => {
      if (error && !this.#failed) this.#log.warn({ error: describeError(error) }, 'systemd cannot be told how it is');
      this.#failed = error !== null;
    });
  }
}
