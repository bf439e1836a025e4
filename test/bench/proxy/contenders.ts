import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Proxies run on one core; the backend and the load on the other. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;
const BACKEND_PORT = 18_870;
/** As many as clients at most, so that none waits for a connection that another proxy would have. */
const KEPT = 256;

export interface Contender {
  name: string;
  port: number;
  /** Null for the backend itself. */
  process: ChildProcess | null;
}

/** The backend and, each before it, the proxies; all of them stay up, so that runs can alternate. */
export class Contenders {
  readonly all: Contender[] = [];
  readonly #processes: ChildProcess[] = [];
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async start(): Promise<void> {
    mkdirSync(join(this.#dir, 'files'), { recursive: true });
    writeFileSync(join(this.#dir, 'files', 'big'), Buffer.alloc(2 ** 20, 'x'));
    const backend = this.#run(LOAD_CORE, 'nginx', [
      '-p',
      this.#dir,
      '-c',
      this.#write('backend.conf', this.#backend()),
    ]);
    this.all.push({ name: 'direct', port: BACKEND_PORT, process: null });
    await answers(BACKEND_PORT, backend);
    const upstream = `http://127.0.0.1:${BACKEND_PORT}`;
    const haproxy = this.#write('haproxy.cfg', haproxyConfig(BACKEND_PORT + 1));
    await this.#add('haproxy', BACKEND_PORT + 1, 'haproxy', ['-f', haproxy]);
    const nginx = this.#write('nginx.conf', this.#nginx(BACKEND_PORT + 2));
    await this.#add('nginx', BACKEND_PORT + 2, 'nginx', ['-p', this.#dir, '-c', nginx]);
    const drover = join(import.meta.dirname, 'drover.ts');
    // Node's options are those of the service's unit.
    const args = ['--max-semi-space-size=8', drover, String(BACKEND_PORT + 3), upstream];
    await this.#add('drover', BACKEND_PORT + 3, process.execPath, args);
  }

  /** The backend last: nobody is to miss it. */
  async stop(): Promise<void> {
    for (const child of this.#processes.toReversed()) {
      if (child.exitCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
  }

  async #add(name: string, port: number, command: string, args: string[]): Promise<void> {
    const child = this.#run(PROXY_CORE, command, args);
    await answers(port, child);
    this.all.push({ name, port, process: child });
  }

  #run(core: number, command: string, args: string[]): ChildProcess {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    const child = spawn('taskset', ['-c', String(core), command, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    this.#processes.push(child);
    return child;
  }

  #write(name: string, text: string): string {
    const path = join(this.#dir, name);
    writeFileSync(path, text);
    return path;
  }

  #backend(): string {
    const location = `location / { default_type application/json; return 200 "${'x'.repeat(200)}"; }`;
    const files = `location = /big { root ${join(this.#dir, 'files')}; }`;
    return this.#nginxAround(
      'backend',
      `server { listen 127.0.0.1:${BACKEND_PORT} backlog=4096; ${location} ${files} }`,
    );
  }

  #nginx(port: number): string {
    const pass = 'proxy_pass http://nova; proxy_http_version 1.1; proxy_set_header Connection "";';
    const forwarded = 'proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;';
    return this.#nginxAround(
      'nginx',
      `upstream nova { server 127.0.0.1:${BACKEND_PORT}; keepalive ${KEPT}; keepalive_requests 1000000000; }
       server { listen 127.0.0.1:${port} backlog=4096; location / { ${pass} ${forwarded} } }`,
    );
  }

  #nginxAround(name: string, http: string): string {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${join(this.#dir, `${name}-${kind}`)};`)
      .join(' ');
    return `user root; daemon off; worker_processes 1; pid ${join(this.#dir, `${name}.pid`)}; error_log stderr crit;
      events { worker_connections 4096; }
      http { access_log off; keepalive_requests 1000000000; sendfile on; tcp_nodelay on; ${temporary} ${http} }`;
  }
}

function haproxyConfig(port: number): string {
  return `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse safe
  option forwardfor
frontend nova
  bind 127.0.0.1:${port} backlog 4096
  default_backend nova
backend nova
  server nova 127.0.0.1:${BACKEND_PORT} pool-max-conn ${KEPT}
`;
}

/** Waits until something answers there. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`);
    const status = await new Promise<number>((resolve) => {
      get({ port, host: '127.0.0.1', path: '/', agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      }).on('error', () => resolve(0));
    });
    if (status === 200) return;
    await sleep(50);
  }
  throw new Error(`nothing answers on port ${port}`);
}
