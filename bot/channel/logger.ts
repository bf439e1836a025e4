import { type Logger as BoltLogger, LogLevel } from '@slack/bolt';
import type { Logger } from 'pino';

/** Bolt's words in the bot's log; what it says of each call in detail is left out. */
export function boltLogger(log: Logger): BoltLogger {
  const text = (parts: unknown[]) =>
    parts.map((part) => (part instanceof Error ? part.message : String(part))).join(' ');
  return {
    debug: (...parts) => log.trace({ bolt: text(parts) }, 'bolt'),
    info: (...parts) => log.debug({ bolt: text(parts) }, 'bolt'),
    warn: (...parts) => log.warn({ bolt: text(parts) }, 'bolt warns'),
    error: (...parts) => log.warn({ bolt: text(parts) }, 'bolt failed'),
    setLevel: () => {},
    getLevel: () => LogLevel.INFO,
    setName: () => {},
  };
}
