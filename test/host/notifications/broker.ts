/** A real RabbitMQ of one's own: on the loopback, with its own node, ports, data and process namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../free-port.ts';

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const START_WITHIN_MS = 120_000;

/** Users and rights that are there from the start: `rabbitmqctl` would cost seconds for each. */
const DEFINITIONS = {
  vhosts: [{ name: '/' }, { name: 'closed' }],
  users: [
    { name: 'nova', password: 'secret', tags: ['administrator'] },
    // As plugin/notifications/subscribe.ts says that it is enough.
    { name: 'drover', password: 'secret', tags: [] },
    { name: 'unbound', password: 'secret', tags: [] },
  ],
  permissions: [
    { user: 'nova', vhost: '/', configure: '.*', write: '.*', read: '.*' },
    { user: 'drover', vhost: '/', configure: '^drover\\.', write: '^drover\\.', read: '^(drover\\..*|nova)$' },
    { user: 'unbound', vhost: '/', configure: '^drover\\.', write: '^drover\\.', read: '^drover\\.' },
  ],
};

export class Broker {
  readonly folder = mkdtempSync(join(tmpdir(), 'drover-rabbit-'));
  port = 0;
  #process: ChildProcess | null = null;

  async start(): Promise<void> {
    const [port = 0, epmd = 0, distribution = 0] = await Promise.all([freePort(), freePort(), freePort()]);
    this.port = port;
    const at = (name: string) => join(this.folder, name);
    for (const name of ['home', 'mnesia', 'log']) mkdirSync(at(name));
    writeFileSync(at('definitions.json'), JSON.stringify(DEFINITIONS));
    for (const name of ['advanced.config', 'enabled_plugins']) writeFileSync(at(name), '[].\n');
    writeFileSync(
      at('rabbitmq.conf'),
      `listeners.tcp.1 = 127.0.0.1:${port}\nload_definitions = ${at('definitions.json')}\ndisk_free_limit.absolute = 50MB\n`,
    );
    const out = openSync(at('out'), 'a');
    // In a namespace of its own Erlang's port mapper, which it leaves in the background, ends with it.
    const argv = ['--pid', '--fork', '--kill-child', '--mount-proc', SERVER];
    this.#process = spawn('unshare', argv, {
      stdio: ['ignore', out, out],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: at('home'),
        RABBITMQ_NODENAME: 'drover@localhost',
        RABBITMQ_MNESIA_BASE: at('mnesia'),
        RABBITMQ_LOG_BASE: at('log'),
        RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
        RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
        RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
        RABBITMQ_CONF_ENV_FILE: '/dev/null',
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}',
        RABBITMQ_DIST_PORT: String(distribution),
        ERL_EPMD_PORT: String(epmd),
        ERL_EPMD_ADDRESS: '127.0.0.1',
      },
    });
    await this.#started();
  }

  stop(): void {
    this.#process?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #started(): Promise<void> {
    const deadlineMs = Date.now() + START_WITHIN_MS;
    while (!readFileSync(join(this.folder, 'out'), 'utf8').includes('completed with')) {
      if (this.#process?.exitCode !== null || Date.now() > deadlineMs) {
        throw new Error(`RabbitMQ does not start: ${readFileSync(join(this.folder, 'out'), 'utf8')}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}
