import { connect, isIP, type Socket } from 'node:net';
import { type Dialect, MysqlDialect, type MysqlPoolConnection } from 'kysely';
import { createPool, type PoolConnection } from 'mysql2';
import type { MariadbAddress } from './address.ts';

const CONNECT_WITHIN_MS = 2000;
/** A statement that has no answer by then never gets one: its connection is given up. */
const ANSWER_WITHIN_MS = 3000;
const CLOSE_WITHIN_MS = 1000;
const CONNECTIONS = 8;

/**
 * What a replica that was cut off in the middle of a transaction had locked is free again after `idle_transaction_timeout`
 * (s), without which the server would wait for it for hours. READ COMMITTED sees what others wrote and locks no gaps.
 */
const SESSION = [
  'SET SESSION idle_transaction_timeout = 2, innodb_lock_wait_timeout = 2',
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

/** MariaDB 10.6 or newer, over mysql2. No statement takes longer than ANSWER_WITHIN_MS, also when the network is cut. */
export function mariadbDialect({ user, password, database, at, ca }: MariadbAddress): Dialect {
  const pool = createPool({
    ...at,
    user,
    password,
    database,
    ...(ca === null ? {} : { ssl: { ca, verifyIdentity: 'host' in at } }),
    ...('host' in at && isIP(at.host) ? { stream: () => connectToAddress(at) } : {}),
    charset: 'utf8mb4_bin',
    connectTimeout: CONNECT_WITHIN_MS,
    connectionLimit: CONNECTIONS,
    enableKeepAlive: true,
  });
  const ready = new WeakMap<PoolConnection, MysqlPoolConnection>();
  return new MysqlDialect({
    pool: {
      getConnection(callback) {
        pool.getConnection((error, connection) => {
          const known = connection && ready.get(connection);
          if (error || known) return callback(error, known as MysqlPoolConnection);
          const fresh = withDeadline(connection);
          prepare(fresh).then(
            () => {
              ready.set(connection, fresh);
              callback(null, fresh);
            },
            (cause: unknown) => {
              connection.destroy();
              callback(cause, fresh);
            },
          );
        });
      },
      end(callback) {
        const timer = setTimeout(() => callback(null), CLOSE_WITHIN_MS);
        pool.end((error) => {
          clearTimeout(timer);
          callback(error);
        });
      },
    },
  });
}

/**
 * mysql2 names the server that a certificate is checked for only where it is no IP address; Node then takes `_host` of the
 * socket below (lib/_tls_wrap.js, onConnectSecure), which it sets for names alone, and `localhost` without.
 */
function connectToAddress(at: { host: string; port: number }): Socket {
  const socket = connect({ ...at, keepAlive: true });
  return Object.assign(socket, { _host: at.host });
}

async function prepare(connection: MysqlPoolConnection): Promise<void> {
  for (const statement of SESSION) {
    await new Promise<void>((resolve, reject) => {
      connection.query(statement, [], (error) => (error ? reject(error) : resolve()));
    });
  }
}

function withDeadline(connection: PoolConnection): MysqlPoolConnection {
  return {
    threadId: connection.threadId ?? undefined,
    release: () => connection.release(),
    destroy: () => connection.destroy(),
    query(statement: string, parameters: readonly unknown[], callback: (error: unknown, result: unknown) => void) {
      const timer = setTimeout(() => {
        connection.destroy();
        answer(Object.assign(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`), { code: 'NO_ANSWER' }), undefined);
      }, ANSWER_WITHIN_MS);
      let answered = false;
      const answer = (error: unknown, result: unknown) => {
        if (answered) return;
        answered = true;
        clearTimeout(timer);
        callback(error, result);
      };
      connection.query(statement, [...parameters], answer);
    },
  } as MysqlPoolConnection;
}
