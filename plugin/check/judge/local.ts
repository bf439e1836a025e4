import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';

/** The file that holds the account's password. */
export interface PasswordFacts {
  file: string;
  error: string | null;
  empty: boolean;
  /** Others than owner and group may read it. */
  open: boolean;
}

export function judgePassword({ file, error, empty, open }: PasswordFacts): Finding {
  const todo = 'Write the password alone into it, readable by the group drover-plugin and nobody else (mode 0640).';
  if (error !== null) return fail('config.password', error, todo);
  if (empty) return fail('config.password', `${file} is empty`, todo);
  return open ? warn('config.password', `${file} may be read by everybody`, todo) : ok('config.password', file);
}

export interface DatabaseFacts {
  /** As an operator knows it. */
  name: string;
  exists: boolean;
  /** Why nothing can be written there. */
  error: string | null;
  /** Null where the database is no file of this machine. */
  freeBytes: number | null;
  /** As the server calls itself, e.g. `10.11.14-MariaDB-0+deb12u2`; absent for a file. */
  version?: string;
}

/** 10.6 or newer: `plugin/controller/store` uses what came with it. */
const NEEDED_MARIADB = [10, 6] as const;
const LITTLE_BYTES = 256 * 2 ** 20;

export function judgeDatabase({ name, exists, error, freeBytes, version }: DatabaseFacts): Finding {
  if (error !== null) {
    return fail(
      'database',
      `${name}: ${error}`,
      name.startsWith('mysql:')
        ? 'Let MariaDB answer here and GRANT ALL ON the database TO the user, with the password of databasePasswordFile; databaseCa if it takes TLS alone.'
        : 'Let the user drover-plugin own its folder (StateDirectory= of the unit does), with space free there.',
    );
  }
  if (version !== undefined && !isNewEnough(version)) {
    return fail('database', `${name}: ${version}`, `Use MariaDB ${NEEDED_MARIADB.join('.')} or newer.`);
  }
  if (freeBytes !== null && freeBytes < LITTLE_BYTES) {
    const mebibytes = Math.floor(freeBytes / 2 ** 20);
    return warn('database', `${name}: ${mebibytes} MiB free`, 'Make room: with a full disk migrations go to Nova.');
  }
  return ok('database', exists ? `${name} takes writes` : `${name} will be made at the first start`);
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number.parseFloat);
  const [neededMajor, neededMinor] = NEEDED_MARIADB;
  const isMariadb = version.toLowerCase().includes('mariadb');
  return isMariadb && (major > neededMajor || (major === neededMajor && minor >= neededMinor));
}

export interface PlaceFacts {
  /** A plugin answers on the control socket. */
  running: boolean;
  controlSocket: string;
  /** Why no socket can be made there. */
  socketError: string | null;
  listen: string;
  /** The errno of listening there; not tried while one runs. */
  listenError: string | null;
}

export function judgePlace({ running, controlSocket, socketError, listen, listenError }: PlaceFacts): Finding[] {
  if (running) return [ok('plugin', `runs, and answers on ${controlSocket}`)];
  return [
    socketError === null
      ? ok('control.socket', controlSocket)
      : fail(
          'control.socket',
          `${controlSocket}: ${socketError}`,
          'Let the user drover-plugin write in its folder (RuntimeDirectory= of the unit makes /run/drover).',
        ),
    listenError === null ? ok('listen', listen) : fail('listen', `${listen}: ${listenError}`, adviceOn(listenError)),
  ];
}

function adviceOn(error: string): string {
  if (error.includes('EADDRINUSE')) return 'Something listens there: `ss -ltnp` names it. Choose another listen.port.';
  if (error.includes('EADDRNOTAVAIL'))
    return 'No interface has that address: set listen.address to one of `ip address`.';
  return 'Ports below 1024 need CAP_NET_BIND_SERVICE (plugin/deploy/drover-plugin.service).';
}

export interface PolicyFacts {
  id: string | null;
  errors: string[];
  warnings: string[];
}

export function judgePolicy({ id, errors, warnings }: PolicyFacts): Finding[] {
  if (id !== null) {
    const todo = 'It takes effect as it stands. Mend it if something else was meant.';
    return [ok('policy', id), ...warnings.map((warning) => warn('policy', warning, todo))];
  }
  const todo =
    'Without a policy every live migration goes to Nova unchanged. `drover policy check FILE` tries a change.';
  return errors.map((error) => fail('policy', error, todo));
}
