#!/usr/bin/env node
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { ask } from './cli/control.ts';
import { duration, fromNow } from './cli/figures.ts';
import { migrationReport } from './cli/migration.ts';
import { registerPlan } from './cli/plan.ts';
import { eta } from './cli/planreport.ts';
import { addPolicyCommands } from './cli/policy.ts';
import { addRequestCommands } from './cli/requests.ts';
import { addTokenCommands } from './cli/token.ts';
import { MigrationEvent, MigrationRecord } from './contract.ts';
import { describeError } from './errors.ts';

const DEFAULT_SOCKET = '/run/drover/control.sock';
const FAILURE = 1;

function migrationId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('it is a number from `drover queue`.');
  return Number(text);
}

function queueTable(migrations: MigrationRecord[], nowMs: number): string {
  const table = new Table({
    head: [
      'ID',
      'VM',
      'From',
      'To',
      'Priority',
      'State',
      'Technique',
      'Strategy',
      'Start',
      'ETA',
      'Left',
      'TMT',
      'Downtime',
    ],
    style: { head: [], border: [] },
  });
  for (const migration of migrations) {
    const { progress, decision, outcome, planned, submittedAtMs } = migration;
    const left = progress && progress.totalBytes > 0 ? `${Math.round(progress.remainingBytes / 2 ** 20)} MiB` : '–';
    table.push([
      migration.id,
      migration.vmName,
      migration.source,
      migration.destination ?? '?',
      decision?.priority ?? '–',
      migration.state,
      decision?.technique ?? '–',
      decision?.strategy ?? '–',
      planned && submittedAtMs === null ? fromNow(planned.startAtMs, nowMs) : '–',
      planned ? eta(planned, nowMs) : '–',
      left,
      duration(outcome?.totalMigrationTimeMs),
      duration(outcome?.downtimeMs),
    ]);
  }
  return table.toString();
}

async function main(argv: string[]): Promise<void> {
  const program = new Command('drover')
    .description("Shows what Drover's plugin does and why, and works on its policies")
    .option(
      '--socket <path>',
      "the plugin's control socket (or environment DROVER_SOCKET)",
      process.env.DROVER_SOCKET ?? DEFAULT_SOCKET,
    );
  const socket = () => program.opts<{ socket: string }>().socket;

  program
    .command('queue')
    .description('migrations that wait or run; with --all the finished ones too')
    .option('--all', 'the newest 200, whatever their state')
    .option('--json', 'as JSON')
    .action(async (options: { all?: boolean; json?: boolean }) => {
      const migrations = await ask(socket(), `/v1/migrations${options.all ? '?all=1' : ''}`, z.array(MigrationRecord));
      // What waits and runs is a queue: the first of it stands first.
      if (!options.all) migrations.reverse();
      console.log(options.json ? JSON.stringify(migrations, null, 2) : queueTable(migrations, Date.now()));
    });
  program
    .command('show')
    .argument('<id>', 'number of the migration', migrationId)
    .description('everything recorded of one migration, as JSON')
    .action(async (id: number) => {
      console.log(JSON.stringify(await ask(socket(), `/v1/migrations/${id}`, MigrationRecord), null, 2));
    });
  program
    .command('explain')
    .argument('<id>', 'number of the migration', migrationId)
    .description('why it was done this way, and what happened when')
    .action(async (id: number) => {
      const migration = await ask(socket(), `/v1/migrations/${id}`, MigrationRecord);
      console.log(
        migrationReport(migration, await ask(socket(), `/v1/migrations/${id}/events`, z.array(MigrationEvent))),
      );
    });
  registerPlan(program, socket);
  addPolicyCommands(program, socket);
  addRequestCommands(program, socket, migrationId);
  addTokenCommands(program);
  await program.parseAsync(argv);
}

if (import.meta.main) {
  main(process.argv).catch((error: unknown) => {
    console.error(`drover: ${describeError(error)}`);
    process.exitCode = FAILURE;
  });
}
