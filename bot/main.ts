#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { runService } from 'drover-plugin/service';
import { pino } from 'pino';
import { startBot } from './bot.ts';
import { readConfig } from './config.ts';
import { describeError } from './errors.ts';

const DEFAULT_CONFIG = '/etc/drover/bot.yaml';
const USAGE = `usage: drover-bot [run|check] [--config FILE] [--json]

  run    listens to Slack and asks Drover's control API (the default)
  check  looks at all that the bot needs and says what to do about each gap; exit status 1 if something is missing

  --config FILE  default ${DEFAULT_CONFIG}
  --json         of check: [{"check", "state": "ok" | "warn" | "fail", "found", "todo"}, ...]
`;

async function main(args: string[]): Promise<void> {
  const options = {
    config: { type: 'string', default: DEFAULT_CONFIG },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [command = 'run', ...more] = positionals;
  if (values.help) process.stdout.write(USAGE);
  else if (command === 'check' && more.length === 0) process.exitCode = await runCheck(values.config, values.json);
  else if (command === 'run' && more.length === 0) await run(values.config);
  else throw new Error(`there is no command "${positionals.join(' ')}"\n${USAGE}`);
}

async function runCheck(file: string, asJson: boolean): Promise<number> {
  // Loaded only here: the service needs none of it.
  const [{ check }, { exitStatus }, { renderTable }] = await Promise.all([
    import('./check.ts'),
    import('drover-hostd/check/finding'),
    import('drover-hostd/check/table'),
  ]);
  const findings = await check(readConfig(file, process.env), pino({ level: 'silent' }));
  process.stdout.write(asJson ? `${JSON.stringify(findings, null, 2)}\n` : renderTable(findings));
  return exitStatus(findings);
}

async function run(file: string): Promise<void> {
  const config = readConfig(file, process.env);
  const log = pino({ name: 'drover-bot', level: config.logLevel });
  await runService(log, () => startBot(config, log));
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`drover-bot: ${describeError(error)}`);
    process.exit(1);
  });
}
