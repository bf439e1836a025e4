import Table from 'cli-table3';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { HostView, MigrationRecord, Priority } from '../contract.ts';
import { ask, tell } from './control.ts';
import { megabits } from './figures.ts';

/** `drover migrate`, `cancel`, `priority` and `hosts`: what the control API takes, from this machine. */
export function addRequestCommands(
  program: Command,
  socket: () => string,
  migrationId: (text: string) => number,
): void {
  program
    .command('migrate')
    .argument('<vm>', 'name or id of the server')
    .option('--to <host>', "destination; without it Nova's scheduler chooses")
    .addOption(new Option('--priority <priority>', 'goes before metadata and policy').choices(Priority.options))
    .option('--deadline <time>', 'when it must have ended, as 2026-12-01T04:00:00Z', time)
    .option('--at <time>', 'starts then at the earliest', time)
    .option('--key <key>', 'the same key and request again give the same migration')
    .description('asks for a live migration; Drover gives it to Nova when its turn has come')
    .action(
      async (
        vm: string,
        options: { to?: string; priority?: Priority; deadline?: number; at?: number; key?: string },
      ) => {
        const { to, priority, deadline, at, key } = options;
        const request = {
          vm,
          destination: to,
          priority,
          deadlineAtMs: deadline,
          notBeforeAtMs: at,
          idempotencyKey: key,
        };
        const { id, vmName, state } = await tell(socket(), 'POST', '/v1/migrations', request, MigrationRecord);
        console.log(`migration ${id} of ${vmName}: ${state}`);
      },
    );
  program
    .command('cancel')
    .argument('<id>', 'number of the migration', migrationId)
    .description('ends one that waits, or has Nova abort one that runs')
    .action(async (id: number) => {
      const { state } = await tell(socket(), 'DELETE', `/v1/migrations/${id}`, undefined, MigrationRecord);
      console.log(state === 'aborted' ? `migration ${id} is cancelled` : `Nova aborts migration ${id}`);
    });
  program
    .command('priority')
    .argument('<id>', 'number of the migration', migrationId)
    .argument('<priority>', Priority.options.join(', '), priorityOf)
    .description('gives one that waits or runs another priority')
    .action(async (id: number, priority: Priority) => {
      await tell(socket(), 'PATCH', `/v1/migrations/${id}`, { priority }, MigrationRecord);
      console.log(`migration ${id} has priority ${priority}`);
    });
  program
    .command('hosts')
    .description('the compute hosts: what their NICs carry, and what to look at')
    .action(async () => {
      const hosts = await ask(socket(), '/v1/hosts', z.array(HostView));
      const head = ['Host', 'hostd', 'Link', 'Out', 'In', 'Leave', 'Arrive', 'Nova at once', 'Post-copy'];
      const table = new Table({ head, style: { head: [], border: [] } });
      const rate = (bitsPerSecond: number | null | undefined) =>
        bitsPerSecond == null ? '–' : megabits(bitsPerSecond);
      for (const { host, reachable, linkBitsPerSecond, nic, leaving, arriving, postCopy, ...rest } of hosts) {
        table.push([
          host,
          reachable ? 'answers' : 'silent',
          rate(linkBitsPerSecond),
          rate(nic?.txBitsPerSecond),
          rate(nic?.rxBitsPerSecond),
          leaving.length,
          arriving.length,
          rest.maxConcurrentLiveMigrations === 0 ? 'all' : (rest.maxConcurrentLiveMigrations ?? '–'),
          postCopy === null ? '–' : postCopy.permitted ? 'yes' : 'no',
        ]);
      }
      console.log(table.toString());
      for (const { warnings } of hosts) for (const { text } of warnings) console.log(`! ${text}`);
    });
}

function time(text: string): number {
  const zoned = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(zoned)) throw new InvalidArgumentError('write a time with its zone, as 2026-12-01T04:00:00Z.');
  return zoned;
}

function priorityOf(text: string): Priority {
  const parsed = Priority.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`it is one of ${Priority.options.join(', ')}.`);
  return parsed.data;
}
