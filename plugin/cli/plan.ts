import { type Command, InvalidArgumentError, Option } from 'commander';
import { Plan, Priority, WhatIfAnswer, type WhatIfRequest } from '../contract.ts';
import { Duration } from '../policy/units.ts';
import { ask } from './control.ts';
import { planInstance } from './instance.ts';
import { planReport, whatIfReport } from './planreport.ts';

interface PlanOptions {
  instance?: string;
  model?: 'mvm' | 'drover';
  budget?: number;
  seed?: number;
  dryRun?: boolean;
  vm?: string[];
  priority?: Priority;
  to?: string;
  deadline?: number;
  json?: boolean;
}

const HELP = `
Without --instance the running plugin is asked: its present plan, or with --dry-run what would happen if the servers of
--vm were asked for now (nothing is changed).

How long a migration of an instance takes is worked out by --model: \`mvm\`, the model of the published plans (Kherbache,
Madelaine & Hermenier 2017), or \`drover\`, the one that the plugin decides by (rounds of pre-copy at the full bandwidth
of the path, until the rest fits into QEMU's downtime limit). Without it a plan file keeps the lengths that it gives.

Examples:
  drover plan
  drover plan --dry-run --vm web-1 web-2 --priority high --to compute-2 --deadline "30 min"
  drover plan --instance plan.json --model drover --json`;

/** Adds `drover plan`. */
export function registerPlan(program: Command, socket: () => string): void {
  program
    .command('plan')
    .description('when what waits and runs will start and end; what would happen if; or the plan of an instance file')
    .option('--json', 'as JSON; of an instance one object with seconds and Mbit/s, the numbers as in the file')
    .option('--dry-run', 'what would happen if these were asked for now; without --vm the present plan')
    .option('--vm <name...>', 'names or ids of servers')
    .addOption(new Option('--priority <priority>', 'theirs, instead of what the policy says').choices(Priority.options))
    .option('--to <host>', 'their destination; without it Nova would choose')
    .option('--deadline <time>', 'when they must have ended: 2026-12-01T04:00:00Z, or from now on: "2 h"', deadline)
    .option('--instance <file>', 'a BtrPlace file with `model` and `constraints`, or with `origin` and `actions`')
    .addOption(new Option('--model <model>', 'how long a migration of the instance takes').choices(['mvm', 'drover']))
    .option('--budget <ms>', 'of an instance: stop after this time; the plan may then differ between runs', positive)
    .option('--seed <n>', 'of an instance: seed of the search (default 1); the same seed gives the same plan', whole)
    .addHelpText('after', HELP)
    .action(async (options: PlanOptions) => {
      refuseMixtures(options);
      if (options.instance !== undefined) {
        const { instance, seed = 1 } = options;
        const { text, notes } = planInstance({ ...options, instance, seed });
        // Beside the one object, not in it: a plan that was made on assumptions must say so.
        for (const note of notes) console.error(`note: ${note}`);
        console.log(text);
      } else if (options.dryRun && options.vm) {
        const answer = await ask(socket(), '/v1/plan/what-if', WhatIfAnswer, requestOf(options.vm, options));
        console.log(options.json ? JSON.stringify(answer, null, 2) : whatIfReport(answer));
      } else {
        const plan = await ask(socket(), '/v1/plan', Plan);
        console.log(options.json ? JSON.stringify(plan, null, 2) : planReport(plan));
      }
    });
}

function requestOf(vms: readonly string[], { priority, to, deadline: deadlineAtMs }: PlanOptions): WhatIfRequest {
  const wish = { priority: priority ?? null, destination: to ?? null, deadlineAtMs: deadlineAtMs ?? null };
  return { migrations: vms.map((vm) => ({ vm, ...wish })) };
}

/** An option that would have no effect is a misunderstanding. */
function refuseMixtures(options: PlanOptions): void {
  const given = (names: readonly (keyof PlanOptions)[]) => names.filter((name) => options[name] !== undefined);
  const [ofInstance] = given(['model', 'budget', 'seed']);
  const [ofWish] = given(['vm', 'priority', 'to', 'deadline']);
  if (options.instance === undefined && ofInstance) throw new Error(`--${ofInstance} goes with --instance FILE`);
  if (options.instance !== undefined && (options.dryRun || ofWish)) {
    throw new Error(`--instance reads a file and asks no plugin: leave out --${ofWish ?? 'dry-run'}`);
  }
  if (ofWish && !options.dryRun) throw new Error(`--${ofWish} asks what would happen: add --dry-run`);
  if (ofWish && !options.vm) throw new Error(`--${ofWish} of which server? name it: --vm NAME`);
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** A time with its zone, or a time from now on in the words of the policy. */
function deadline(text: string): number {
  const atMs = ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(atMs)) return atMs;
  const spanMs = Duration.safeParse(text);
  if (spanMs.success) return Date.now() + spanMs.data;
  throw new InvalidArgumentError('write a time with its zone, as 2026-12-01T04:00:00Z, or from now on, as "30 min".');
}

function positive(text: string): number {
  const ms = Number(text);
  if (!(ms > 0)) throw new InvalidArgumentError('it is a number of milliseconds above 0.');
  return ms;
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it is a whole number.');
  return Number(text);
}
