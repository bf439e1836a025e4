import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPTS = 200;
const BETWEEN_MS = 50;

interface Waiting {
  command: string;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** QEMU's machine protocol over its unix socket; a path is not bound to a network namespace. */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined); // `close` follows
    socket.on('close', () => {
      for (const { command, reject } of this.#waiting.splice(0)) reject(new Error(`${command}: QEMU has ended`));
    });
    createInterface({ input: socket }).on('line', (line) => this.#take(line));
  }

  static async connect(path: string): Promise<Qmp> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const socket = createConnection(path);
      const connected = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      if (connected) {
        const qmp = new Qmp(socket);
        await qmp.command('qmp_capabilities');
        return qmp;
      }
      await sleep(BETWEEN_MS);
    }
    throw new Error(`QEMU does not answer on ${path}`);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the callers know what they asked for
  command(name: string, parameters: object = {}): Promise<any> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command: name, resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: name, arguments: parameters })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    const message = JSON.parse(line) as { return?: unknown; error?: { desc: string } };
    if (message.return === undefined && message.error === undefined) return; // greeting or event
    const waiting = this.#waiting.shift();
    if (message.error) waiting?.reject(new Error(`${waiting.command}: ${message.error.desc}`));
    else waiting?.resolve(message.return);
  }
}
