import { statSync } from 'node:fs';
import Table from 'cli-table3';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createToken, readTokens, revokeToken } from '../api/token-file.ts';
import { Role } from '../contract.ts';

const DEFAULT_FILE = '/etc/drover/tokens.yaml';
const DAY_MS = 86_400_000;

/** `drover token …`: the bearer tokens of the control API. They work on the file alone; the plugin reads it again. */
export function addTokenCommands(program: Command): void {
  const token = program.command('token').description('bearer tokens of the control API');
  const file = () => new Option('--file <path>', 'what the configuration names control.tokens').default(DEFAULT_FILE);
  token
    .command('create')
    .argument('<name>', 'who will use it; stands in the audit')
    .addOption(new Option('--role <role>', 'what it may do').choices(Role.options).makeOptionMandatory())
    .option('--days <days>', 'ends after so many days', days)
    .addOption(file())
    .description('makes a token and prints it, once: only its hash is kept')
    .action((name: string, options: { role: Role; days?: number; file: string }) => {
      const expiresAtMs = options.days === undefined ? null : Date.now() + options.days * DAY_MS;
      console.log(createToken(options.file, { name, role: options.role, expiresAtMs }));
    });
  token
    .command('list')
    .addOption(file())
    .description('who has one, never the tokens themselves')
    .action((options: { file: string }) => {
      const table = new Table({ head: ['Name', 'Role', 'Created', 'Ends'], style: { head: [], border: [] } });
      const tokens = statSync(options.file, { throwIfNoEntry: false }) ? readTokens(options.file) : [];
      for (const { name, role, created, expires } of tokens) table.push([name, role, created, expires ?? 'never']);
      console.log(table.toString());
    });
  token
    .command('revoke')
    .argument('<name>')
    .addOption(file())
    .description('ends a token at once')
    .action((name: string, options: { file: string }) => revokeToken(options.file, name));
}

function days(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 36_500)) throw new InvalidArgumentError('it is a number of days above 0.');
  return value;
}
