import type { IncomingMessage, Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { App, HTTPReceiver, SocketModeReceiver } from '@slack/bolt';
import type { Logger } from 'pino';
import { boltLogger } from './channel/logger.ts';
import type { Config } from './config.ts';
import { ConfigError, describeError } from './errors.ts';
import { guarded } from './listen/guard.ts';

export interface TransportParts {
  config: Config;
  /** Whether a request with that signature was taken before. */
  wasTaken: (signature: string) => boolean;
  /** A request that was turned away before its signature was looked at. */
  refused: (why: string, from: string) => void;
  log: Logger;
}

const SOCKET_AGAIN_MS = [1000, 2000, 5000, 10_000, 30_000] as const;

/** How Slack's deliveries reach the listeners: a Bolt app with its receiver, and nothing else. */
export class Transport {
  readonly app: App;
  readonly #parts: TransportParts;
  readonly #stop = new AbortController();
  #server: Server | null = null;
  #connecting: Promise<void> = Promise.resolve();

  constructor(parts: TransportParts) {
    this.#parts = parts;
    const { config, log } = parts;
    const { botToken } = config.secrets;
    const logger = boltLogger(log);
    this.app = new App({
      receiver: config.slack.listen ? this.#http() : this.#socket(),
      // One workspace, and nothing is asked of Slack before the first delivery.
      authorize: async () => ({ botToken }),
      clientOptions: { slackApiUrl: config.slack.apiUrl },
      ignoreSelf: false,
      logger,
    });
    this.app.error(async (error) => log.error({ error: describeError(error) }, 'a delivery of Slack failed'));
  }

  /** Where it listens; null: it has called Slack, or goes on trying to. */
  async start(): Promise<number | null> {
    const { config } = this.#parts;
    if (config.slack.listen) {
      const { address, port } = config.slack.listen;
      this.#server = (await this.app.start({ host: address, port } as never)) as Server;
      const bound = this.#server.address();
      return typeof bound === 'object' && bound ? bound.port : port;
    }
    this.#connecting = this.#connect();
    return null;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#server?.closeAllConnections();
    await this.app.stop().catch(() => {});
    await this.#connecting;
  }

  /** Slack may be away when the bot starts. */
  async #connect(): Promise<void> {
    const { log } = this.#parts;
    for (let failures = 0; !this.#stop.signal.aborted; failures += 1) {
      try {
        await this.app.start();
        log.info('connected to Slack');
        return;
      } catch (error) {
        if (failures === 0) log.warn({ error: describeError(error) }, 'Slack is not reached, and tried again');
        const againMs = SOCKET_AGAIN_MS[Math.min(failures, SOCKET_AGAIN_MS.length - 1)] ?? 30_000;
        await sleep(againMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
  }

  #http(): HTTPReceiver {
    const { config, wasTaken, refused, log } = this.#parts;
    const { signingSecret } = config.secrets;
    if (signingSecret === null) throw new ConfigError('a signing secret is missing');
    const receiver = new HTTPReceiver({
      signingSecret,
      endpoints: config.slack.path,
      logger: boltLogger(log),
      customPropertiesExtractor: ({ headers }) => ({ signature: headers['x-slack-signature'] }),
      dispatchErrorHandler: async ({ response }) => {
        response.writeHead(404).end();
      },
    });
    const from = (request: IncomingMessage) => request.socket.remoteAddress ?? '';
    receiver.requestListener = guarded(receiver.requestListener, wasTaken, (why, request) =>
      refused(why, from(request)),
    );
    return receiver;
  }

  #socket(): SocketModeReceiver {
    const { config, log } = this.#parts;
    const { appToken } = config.secrets;
    if (appToken === null) throw new ConfigError('an app token is missing');
    const clientOptions = { slackApiUrl: config.slack.apiUrl, retryConfig: { retries: 0 } };
    return new SocketModeReceiver({ appToken, logger: boltLogger(log), installerOptions: { clientOptions } });
  }
}
