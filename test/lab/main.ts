/** `npm run lab -- up | down | status | exec HOST CMD... | openstack ARGS...` */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { CLIENT_ENVIRONMENT } from './config/identity.ts';
import { down } from './down.ts';
import { enter } from './namespaces.ts';
import { DEFAULT_OPTIONS, type LabOptions, labPaths } from './plan.ts';
import { CLEAN_ENVIRONMENT } from './processes.ts';
import { readStatus } from './status.ts';
import { up } from './up.ts';

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

/** Runs a command with this terminal, and ends as it does. */
function become(labName: string, where: string, argv: string[], env: Record<string, string>): void {
  const [command = '', ...args] = enter(labName, labPaths(labName), where, argv);
  const child = spawn(command, args, { env: { ...CLEAN_ENVIRONMENT, ...env }, stdio: 'inherit' });
  child.on('error', (error) => program.error(`lab: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
  });
}

function say(text: string): void {
  console.error(text);
}

const program = new Command('lab')
  .description('a real OpenStack on one Debian machine')
  .option('--name <name>', 'prefix of the namespaces, name of the state directory', DEFAULT_OPTIONS.name)
  .enablePositionalOptions()
  .passThroughOptions();

const nameOption = ['--name <name>', 'as above'] as const;

function labName(own: { name?: string }): string {
  return own.name ?? program.opts<{ name: string }>().name;
}

program
  .command('up')
  .description('bring the lab up; nothing to do if it is')
  .option(...nameOption)
  .option('--hosts <n>', 'compute hosts, 1-8', wholeNumber, DEFAULT_OPTIONS.hosts)
  .option('--link <Mbit/s>', "rate of each host's NIC", wholeNumber, DEFAULT_OPTIONS.linkMegabitsPerSecond)
  .option('--no-post-copy <host...>', 'hosts whose Nova does not permit post-copy')
  .option(
    '--max-live-migrations <n>',
    "Nova's max_concurrent_live_migrations",
    wholeNumber,
    DEFAULT_OPTIONS.maxLiveMigrations,
  )
  .action(
    async (given: {
      name?: string;
      hosts: number;
      link: number;
      postCopy: string[] | true;
      maxLiveMigrations: number;
    }) => {
      const options: LabOptions = {
        name: labName(given),
        hosts: given.hosts,
        linkMegabitsPerSecond: given.link,
        withoutPostCopy: Array.isArray(given.postCopy) ? given.postCopy : [],
        maxLiveMigrations: given.maxLiveMigrations,
      };
      await up(options, say);
    },
  );

program
  .command('down')
  .description('end it; its databases stay for a faster start')
  .option(...nameOption)
  .option('--wipe', 'delete its state too', false)
  .action((given: { name?: string; wipe: boolean }) => down(labName(given), given.wipe, say));

program
  .command('status')
  .description('what runs; exit code 1 unless all of it does')
  .option(...nameOption)
  .action(async (given: { name?: string }) => {
    const status = await readStatus(labName(given), labPaths(labName(given)));
    console.log(JSON.stringify(status, null, 2));
    process.exitCode = status.up ? 0 : 1;
  });

program
  .command('exec')
  .description('run a command in control, peer or a host')
  .option(...nameOption)
  .argument('<where>', 'control, peer, compute-1, ...')
  .argument('<command...>')
  .passThroughOptions()
  .action((where: string, argv: string[], given: { name?: string }) => {
    become(labName(given), where, argv, where === 'control' ? CLIENT_ENVIRONMENT : {});
  });

program
  .command('openstack')
  .description('the stock client, logged in as admin')
  .option(...nameOption)
  .argument('<args...>')
  .passThroughOptions()
  .allowUnknownOption()
  .action((argv: string[], given: { name?: string }) => {
    become(labName(given), 'control', ['/usr/bin/openstack', ...argv], CLIENT_ENVIRONMENT);
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
