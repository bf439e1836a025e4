import { type Logger, pino } from 'pino';

/** Of one message this many lines are written a minute; then one line tells how many more there were. */
const LINES_PER_WINDOW = 10;
const WINDOW_MS = 60_000;
/** pino's number of that level. */
const INFO = 30;
/** Messages are static texts of the program: there are fewer than this. */
const MAX_MESSAGES = 500;

export interface HostdLog {
  log: Logger;
  /** Lines that were left out so far. */
  suppressed(): number;
  /** Writes what is not yet told of the lines left out. */
  flush(): void;
}

export interface LogOptions {
  level: string;
  host: string;
}

/**
 * JSON lines on standard output. A flood of refused handshakes or of calls must not fill the disk, so lines of the same
 * message and level are limited; debug and trace are not, for whoever asks for them wants all.
 */
export function createLog({ level, host }: LogOptions, to?: pino.DestinationStream): HostdLog {
  const windows = new Map<string, { written: number; left: number; write: (left: number) => void }>();
  let suppressed = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    for (const { left, write } of windows.values()) if (left > 0) write(left);
    windows.clear();
  };
  const log = pino(
    {
      name: 'drover-hostd',
      level,
      base: { host },
      hooks: {
        logMethod(args, method, number) {
          const message = typeof args[0] === 'string' ? args[0] : args[1];
          const key = `${number} ${message}`;
          if (number < INFO) return method.apply(this, args);
          const window = windows.get(key) ?? { written: 0, left: 0, write: () => undefined };
          if (window.written < LINES_PER_WINDOW) {
            window.written += 1;
            if (windows.size < MAX_MESSAGES) windows.set(key, window);
            timer ??= setTimeout(flush, WINDOW_MS).unref();
            return method.apply(this, args);
          }
          suppressed += 1;
          window.left += 1;
          window.write = (left) => method.apply(this, [{ message, left }, 'Repeated lines were left out']);
        },
      },
    },
    to ?? pino.destination({ fd: 1, sync: true }),
  );
  return { log, suppressed: () => suppressed, flush };
}
