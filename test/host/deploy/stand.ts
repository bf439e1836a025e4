import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../free-port.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const READY_MS = 60_000;

export interface Seen {
  method: string;
  /** As it stood in the request line. */
  target: string;
  rawHeaders: string[];
  body: Buffer;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Nova's API in two copies, of which Drover knows the one and HAProxy the other: so an answer tells its way. */
export class NovaDouble {
  readonly seen: Seen[] = [];
  /** Targets that contain this are answered only once `release` is called. */
  held = '/held';
  release: () => void = () => {};
  readonly #server: Server;
  readonly #released: Promise<void>;

  constructor(name: string) {
    this.#released = new Promise((done) => {
      this.release = done;
    });
    this.#server = createServer(async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const { method = '', url: target = '', rawHeaders } = incoming;
      const body = Buffer.concat(chunks);
      // What asks for the list of versions is a health check.
      if (target !== '/') this.seen.push({ method, target, rawHeaders, body });
      if (target.includes(this.held)) await this.#released;
      outgoing.setHeader('x-answered-by', name);
      outgoing.end(body);
    });
  }

  async start(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** The shipped file under the real HAProxy, with a Drover that can be killed, and doubles of Nova. */
export class Stand {
  readonly behindDrover = new NovaDouble('drover');
  readonly direct = new NovaDouble('nova');
  port = 0;
  #droverPort = 0;
  #upstreamPort = 0;
  drover: ChildProcess | null = null;
  #haproxy: ChildProcess | null = null;
  words = '';

  async start(): Promise<void> {
    this.#upstreamPort = await this.behindDrover.start();
    const novaPort = await this.direct.start();
    this.#droverPort = await freePort();
    await this.startDrover();
    this.port = await freePort();
    const file = join(ROOT, 'plugin/deploy/haproxy.cfg');
    this.#haproxy = spawn('haproxy', ['-db', '-f', file], {
      env: {
        PATH: '/usr/sbin:/usr/bin',
        COMPUTE_BIND: `127.0.0.1:${this.port}`,
        DROVER_1: `127.0.0.1:${this.#droverPort}`,
        NOVA_API_1: `127.0.0.1:${novaPort}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#haproxy.stdout, this.#haproxy.stderr]) {
      stream?.on('data', (chunk) => {
        this.words += chunk;
      });
    }
    const untilMs = Date.now() + READY_MS;
    while (
      (await this.send('GET', '/ready')
        .then(({ status }) => status)
        .catch(() => 0)) !== 200
    ) {
      if (Date.now() > untilMs || this.#haproxy.exitCode !== null) throw new Error(`HAProxy: ${this.words}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** On the port that it had before. */
  async startDrover(): Promise<void> {
    const argv = [join(import.meta.dirname, 'proxy-child.ts'), String(this.#droverPort), String(this.#upstreamPort)];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.drover = child;
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    this.#droverPort = Number(line);
  }

  /** Through HAProxy, on a connection of its own. The target goes out as it is given. */
  send(method: string, target: string, body: Buffer | null = null, headers: string[] = []): Promise<Reply> {
    return new Promise((done, failed) => {
      const own = ['Host', 'nova.example:8774', ...headers];
      if (body && !headers.includes('Transfer-Encoding')) own.push('Content-Length', String(body.length));
      const outgoing = request({
        port: this.port,
        host: '127.0.0.1',
        method,
        path: target,
        agent: false,
        headers: own,
      });
      outgoing.on('error', failed);
      outgoing.on('response', async (incoming) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) chunks.push(chunk);
        done({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) });
      });
      outgoing.end(body ?? undefined);
    });
  }

  async stop(): Promise<void> {
    this.behindDrover.stop();
    this.direct.stop();
    for (const child of [this.drover, this.#haproxy]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}
