import { Agent, type AgentOptions } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** The code of the error with which a request ends that was not to be sent any more. */
export const WITHHELD = 'EWITHHELD';

type Callback = (error: Error | null, socket?: Socket) => void;

/**
 * The connection of one request that may lose its right to be sent while it is on its way. Node writes a request to a
 * socket that still connects, and the kernel keeps what the network does not take, for minutes, also of a socket that is
 * closed. Here the request is written when the connection stands and `mayGo` says yes then; `reset` closes with a TCP
 * reset (SO_LINGER 0), with which the kernel forgets what it has not sent.
 */
export class GuardedConnection {
  readonly httpAgent: Agent;
  readonly httpsAgent: TlsAgent;
  readonly #mayGo: () => boolean;
  #tcp: Socket | null = null;

  constructor(mayGo: () => boolean) {
    this.#mayGo = mayGo;
    const options: AgentOptions = { keepAlive: false };
    this.httpAgent = Object.assign(new Agent(options), {
      createConnection: (to: TcpNetConnectOpts, callback: Callback) => this.#open(to, false, callback),
    });
    this.httpsAgent = Object.assign(new TlsAgent(options), {
      createConnection: (to: TcpNetConnectOpts, callback: Callback) => this.#open(to, true, callback),
    });
  }

  reset(): void {
    this.#tcp?.resetAndDestroy();
  }

  #open(to: TcpNetConnectOpts, secure: boolean, callback: Callback): undefined {
    const tcp = connect(to);
    this.#tcp = tcp;
    const socket = secure ? connectTls({ ...to, socket: tcp }) : tcp;
    const failed = (error: Error) => callback(error);
    socket.once('error', failed);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.off('error', failed);
      if (this.#mayGo()) {
        callback(null, socket);
        return;
      }
      tcp.destroy();
      callback(Object.assign(new Error('not to be sent any more'), { code: WITHHELD }));
    });
  }
}
