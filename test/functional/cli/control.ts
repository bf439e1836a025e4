import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createHandlers, type Service } from '../../../plugin/api/handlers.ts';
import { ControlServer } from '../../../plugin/api/server.ts';
import { type Ended, runDrover } from './command.ts';

/** The control API on a socket, answered by a service of the test's own. */
export class ControlStage {
  readonly folder: string;
  readonly socket: string;
  readonly #server: ControlServer;

  private constructor(folder: string, socket: string, server: ControlServer) {
    this.folder = folder;
    this.socket = socket;
    this.#server = server;
  }

  /** `service`: the calls that the test makes. */
  static async start(service: Partial<Service>): Promise<ControlStage> {
    const folder = mkdtempSync(join(tmpdir(), 'drover-control-'));
    const socket = join(folder, 'control.sock');
    const handlers = createHandlers(service as Service);
    const server = new ControlServer({ socket, listen: null }, handlers, () => {}, pino({ level: 'silent' }));
    await server.start();
    return new ControlStage(folder, socket, server);
  }

  /** The command, which asks this one. */
  drover(...args: string[]): Promise<Ended> {
    return runDrover(args, { DROVER_SOCKET: this.socket });
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    rmSync(this.folder, { recursive: true });
  }
}
