#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { readConfig } from './config.ts';
import { describeError, HostdError } from './errors.ts';
import { createLog } from './log.ts';

const DEFAULT_CONFIG = '/etc/drover/hostd.yaml';

const USAGE = `usage: drover-hostd [run|check|clean] [options]

  run    measures traffic, follows migrations, keeps bandwidth classes (the default)
  check  looks at all that hostd needs here, and says what to do about each gap
  clean  takes away classes whose leases are over, while no hostd runs

  --config FILE  default ${DEFAULT_CONFIG}
  --help         of the command that is named
`;

/** Each loads what it needs itself: the daemon's memory is the tenants'. */
interface Command {
  usage: string;
  flags: readonly string[];
  /** Options that want a value. */
  settings: readonly string[];
  /** Resolves with the exit status. */
  run(config: string, flags: ReadonlySet<string>, settings: ReadonlyMap<string, string>): Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    usage: `usage: drover-hostd run [--config FILE]

Runs in the foreground; logs JSON lines on standard output. SIGHUP reads "clients" and the certificates again, SIGTERM
ends it. Classes and leases stay then: they go on after the next start, or \`drover-hostd clean\` takes them away.
`,
    flags: [],
    settings: [],
    run: async (config) => {
      const { runDaemon } = await import('./run.ts');
      await runDaemon(config);
      return 0;
    },
  },
  check: {
    usage: `usage: drover-hostd check [--json] [--user NAME] [--config FILE]

Looks at the configuration, the NIC, the kernel, rights, certificates, programs, libvirt, Nova's settings and the clock,
before hostd's first start or while it runs: it changes nothing, and what it must try it tries on a device of its own.
Exit status 1 if something is missing that hostd needs; warnings keep 0.

  --json       the list as JSON: [{"check", "state": "ok" | "warn" | "fail", "found", "todo"}, ...]
  --user NAME  as root: looks with the eyes of the service, that is this user with CAP_NET_ADMIN alone
`,
    flags: ['json'],
    settings: ['user'],
    run: runCheck,
  },
  clean: {
    usage: `usage: drover-hostd clean [--all] [--unless-running] [--config FILE]

Brings the NIC to the leases on disk that have not ended: where there is none, to the qdiscs that hostd found. Speed
limits that ended leases have set on guests are put back; those that libvirt does not take now are noted for the next time.
For a hostd that was stopped for good; a running one does it by itself, and clean refuses (exit status 1).

  --all             ends every lease, and takes hostd's counters away too
  --unless-running  does nothing and exits with 0 if a hostd runs
`,
    flags: ['all', 'unless-running'],
    settings: [],
    run: runClean,
  },
};

async function runCheck(
  file: string,
  flags: ReadonlySet<string>,
  settings: ReadonlyMap<string, string>,
): Promise<number> {
  const user = settings.get('user');
  if (user !== undefined) {
    const { runAs } = await import('./check/user.ts');
    return runAs(user, ['check', '--config', file, ...[...flags].map((flag) => `--${flag}`)]);
  }
  const [{ check }, { exitStatus }, { renderTable }] = await Promise.all([
    import('./check/check.ts'),
    import('./check/finding.ts'),
    import('./check/table.ts'),
  ]);
  const report = await check(file);
  process.stdout.write(flags.has('json') ? `${JSON.stringify(report, null, 2)}\n` : renderTable(report));
  return exitStatus(report);
}

async function runClean(file: string, flags: ReadonlySet<string>): Promise<number> {
  const config = readConfig(file);
  const { log } = createLog({ level: config.logLevel, host: config.host });
  const { clean } = await import('./clean.ts');
  try {
    await clean(config, { all: flags.has('all') }, log);
    return 0;
  } catch (error) {
    const running = error instanceof HostdError && error.code === 'already-running';
    if (running && flags.has('unless-running')) return 0;
    throw error;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const named = args[0] !== undefined && !args[0].startsWith('-');
  const name = named ? args[0] : 'run';
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name ?? ''] : undefined;
  if (command === undefined) return misused(`there is no command ${JSON.stringify(name)}`, USAGE);
  const options = Object.fromEntries([
    ...command.flags.map((flag) => [flag, { type: 'boolean' as const }]),
    ...command.settings.map((setting) => [setting, { type: 'string' as const }]),
  ]);
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({
      args: args.slice(named ? 1 : 0),
      options: { ...options, config: { type: 'string', default: DEFAULT_CONFIG }, help: { type: 'boolean' } },
    }));
  } catch (error) {
    return misused(describeError(error), command.usage);
  }
  if (values.help) {
    process.stdout.write(named ? command.usage : USAGE);
    return 0;
  }
  const given = command.settings.filter((setting) => values[setting] !== undefined);
  return command.run(
    String(values.config),
    new Set(command.flags.filter((flag) => values[flag])),
    new Map(given.map((setting) => [setting, String(values[setting])])),
  );
}

function misused(why: string, usage: string): number {
  process.stderr.write(`drover-hostd: ${why}\n${usage}`);
  return 2;
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`drover-hostd: ${describeError(error)}\n`);
    process.exit(1);
  },
);
