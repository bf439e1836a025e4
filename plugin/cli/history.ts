import { statSync } from 'node:fs';
import { readConfig } from '../config.ts';
import type { DatabaseAddress } from '../controller/store/address.ts';
import { databaseProblem, locateDatabase } from '../controller/store/locate.ts';

/** Where the recorded migrations are, as the command line names it. */
export interface HistoryOptions {
  /** The plugin's configuration (*.yaml), `mysql://USER@HOST:PORT/DATABASE`, or the file of an SQLite database. */
  history: string;
  /** Of mysql: a file that holds the password and nothing else; PEM of the CA that signed the server's certificate. */
  historyPasswordFile?: string;
  historyCa?: string;
}

/**
 * The database that holds the history.
 *
 * @throws Error that says what to write instead; DroverError `config-invalid` of the plugin's configuration.
 */
export function locateHistory({ history, historyPasswordFile, historyCa }: HistoryOptions): DatabaseAddress {
  const isUrl = history.startsWith('mysql:');
  if (!isUrl && (historyPasswordFile ?? historyCa) !== undefined) {
    throw new Error(
      '--history-password-file and --history-ca belong to --history mysql://…: a configuration names its own',
    );
  }
  if (/\.ya?ml$/.test(history)) return locateDatabase(readConfig(history));
  const problem = databaseProblem(history);
  if (problem !== null)
    throw new Error(`--history: ${problem.replace('databasePasswordFile', '--history-password-file')}`);
  if (!isUrl && statSync(history, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(
      `${history} is a directory: --history takes the plugin's database, the file that \`database\` in its configuration names, or that configuration`,
    );
  }
  return locateDatabase({ database: history, databasePasswordFile: historyPasswordFile, databaseCa: historyCa });
}
