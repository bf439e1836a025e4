import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { runCommand } from '../command.ts';
import { HostdError } from '../errors.ts';

/**
 * Runs this same program once more as the unit would: as that user in its groups, with CAP_NET_ADMIN and nothing else.
 * Resolves with its exit status. @throws HostdError `command-failed` if there is no such user, or no setpriv (util-linux).
 */
export async function runAs(user: string, args: readonly string[]): Promise<number> {
  const group = (await runCommand('id', ['-g', '--', user])).trim();
  const capabilities = ['--inh-caps', '--ambient-caps', '--bounding-set'].map((set) => `${set}=-all,+net_admin`);
  const child = spawn(
    'setpriv',
    [
      ...[`--reuid=${user}`, `--regid=${group}`, '--init-groups', '--no-new-privs', ...capabilities, '--'],
      ...[process.execPath, ...process.execArgv, process.argv[1] ?? '', ...args],
    ],
    { stdio: 'inherit' },
  );
  try {
    const [status] = (await once(child, 'exit')) as [number | null];
    return status ?? 1;
  } catch (error) {
    throw new HostdError('command-failed', 'Cannot run setpriv, which comes with util-linux', { cause: error });
  }
}
