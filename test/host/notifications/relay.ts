import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../../free-port.ts';

/** A TCP relay before a broker that can be cut and mended; a cut one refuses connections. */
export class Relay {
  readonly #to: number;
  readonly #open = new Set<Socket>();
  #server: Server | null = null;
  port = 0;

  constructor(to: number) {
    this.#to = to;
  }

  async mend(): Promise<void> {
    const server = createServer((client) => {
      const there = connect(this.#to, '127.0.0.1');
      for (const [one, other] of [
        [client, there],
        [there, client],
      ] as const) {
        this.#open.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#open.delete(one);
          other.destroy();
        });
      }
    });
    this.port ||= await freePort();
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(this.port, '127.0.0.1', done);
    });
    this.#server = server;
  }

  cut(): void {
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#open) socket.destroy();
  }
}
