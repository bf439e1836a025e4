import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:tls';
import type { Logger } from 'pino';

const LOOK_MS = 2000;

/** PEM files. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

interface Watched {
  files: string[];
  /** Of the files as they were taken up. */
  stamp: string;
  takeUp(): void;
}

/**
 * Certificates from files, taken up again when they change. Files that are replaced one after the other do not fit each
 * other for a moment: what was in effect stays until a look finds them whole.
 */
export class Certificates {
  readonly #log: Logger;
  readonly #watched: Watched[] = [];
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, lookMs = LOOK_MS) {
    this.#log = log;
    this.#lookMs = lookMs;
  }

  /** @throws if they cannot be used */
  serve(server: Server, { cert, key }: CertificateFiles): void {
    this.#watch([cert, key], () => {
      server.setSecureContext({ cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.2' });
    });
  }

  /** @throws if it cannot be read */
  trust(client: { trust(ca: string): void }, ca: string): void {
    this.#watch([ca], () => client.trust(readFileSync(ca, 'utf8')));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #watch(files: string[], takeUp: () => void): void {
    const stamp = stampOf(files);
    takeUp();
    this.#watched.push({ files, stamp, takeUp });
    this.#timer ??= setInterval(() => this.#look(), this.#lookMs);
  }

  #look(): void {
    for (const watched of this.#watched) {
      const { files } = watched;
      try {
        const stamp = stampOf(files);
        if (stamp === watched.stamp) continue;
        watched.takeUp();
        watched.stamp = stamp;
        this.#log.info({ files }, 'proxy: certificates have changed on disk and are taken up');
      } catch (error) {
        this.#log.warn({ err: error, files }, 'proxy: certificates have changed on disk and cannot be taken up');
      }
    }
  }
}

function stampOf(files: string[]): string {
  return files
    .map((file) => {
      const { mtimeMs, size, ino } = statSync(file);
      return `${ino} ${size} ${mtimeMs}`;
    })
    .join();
}
