import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP relay that can be cut like a cable: nothing goes through and nobody is told. Mended, what was under way arrives,
 * late.
 */
export class Cable {
  #server: Server | null = null;
  readonly #target: number;
  /** Each end with the end that its bytes go to. */
  readonly #ends = new Map<Socket, Socket>();
  readonly #waiting = new Set<() => void>();
  #cut = false;

  /** `target`: a port of 127.0.0.1. */
  constructor(target: number) {
    this.#target = target;
  }

  /** Gives the port that leads to the target. */
  async start(): Promise<number> {
    const server = createServer((near) => {
      near.on('error', () => {});
      if (this.#cut) this.#waiting.add(() => this.#join(near));
      else this.#join(near);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  cut(): void {
    this.#cut = true;
    for (const end of this.#ends.keys()) {
      end.unpipe();
      end.pause();
    }
  }

  mend(): void {
    this.#cut = false;
    for (const [end, other] of this.#ends) end.pipe(other);
    for (const join of this.#waiting) join();
    this.#waiting.clear();
  }

  stop(): void {
    for (const end of this.#ends.keys()) end.destroy();
    this.#server?.close();
  }

  #join(near: Socket): void {
    if (near.destroyed) return;
    const far = connect(this.#target, '127.0.0.1');
    for (const [end, other] of [[near, far] as const, [far, near] as const]) {
      this.#ends.set(end, other);
      end.on('error', () => {});
      end.once('close', () => {
        this.#ends.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  }
}
