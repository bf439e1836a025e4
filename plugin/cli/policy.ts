import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { PolicyExplanation } from '../contract.ts';
import { explainPolicy } from '../controller/plan/explain.ts';
import { readHistory } from '../controller/store/history.ts';
import { readDocument } from '../policy/document.ts';
import { formatPolicyError, type PolicyError, parsePolicyFiles } from '../policy/load.ts';
import type { Policy } from '../policy/schema.ts';
import { policyWarnings } from '../policy/warnings.ts';
import { readPolicyFiles } from '../policy/watch.ts';
import { CaseFile, runCase } from './cases.ts';
import { ask } from './control.ts';
import { diffReport } from './diff.ts';
import { doubtsOf } from './doubts.ts';
import { type HistoryOptions, locateHistory } from './history.ts';
import { casesReport, explanationReport } from './report.ts';
import { Scene, stage } from './scene.ts';

const FAILURE = 1;

/** Errors of files, to be shown one a line. */
class FileErrors extends Error {
  readonly errors: readonly PolicyError[];

  constructor(errors: readonly PolicyError[]) {
    super(`${errors.length} error(s)\n${errors.map(formatPolicyError).join('\n')}`);
    this.errors = errors;
  }
}

function at(place: string | undefined): string {
  return place === undefined ? '' : ` at ${place}`;
}

/** @throws FileErrors with everything that is wrong in any of the files. */
async function readPolicy(paths: readonly string[]): Promise<Policy> {
  const read = await readPolicyFiles(paths);
  const parsed = 'errors' in read ? read : parsePolicyFiles(read.files);
  if ('errors' in parsed) throw new FileErrors(parsed.errors);
  return parsed.policy;
}

/** @throws FileErrors with what is wrong in either; Error where a name is missing between the commas. */
async function readBoth(before: string, after: string): Promise<[Policy, Policy]> {
  const lists = [before, after].map((text) => text.split(','));
  if (lists.flat().includes('')) throw new Error('the name of a policy is empty: write FILE or FILE,FILE');
  const read = await Promise.all(
    lists.map((paths) =>
      readPolicy(paths).catch((error: unknown) => {
        if (error instanceof FileErrors) return error;
        throw error;
      }),
    ),
  );
  const errors = read.flatMap((each) => (each instanceof FileErrors ? each.errors : []));
  const [old, next] = read;
  if (errors.length > 0 || !old || !next || old instanceof FileErrors || next instanceof FileErrors) {
    throw new FileErrors(errors);
  }
  return [old, next];
}

const warned = new Set<string>();

/** What is valid and probably not meant, to stderr and once: it changes no exit status. */
function warn(policy: Policy): Policy {
  const fresh = policyWarnings(policy).filter((warning) => !warned.has(warning));
  for (const warning of fresh) {
    warned.add(warning);
    console.error(`drover: warning: ${warning}`);
  }
  return policy;
}

/** Adds `drover policy check | explain | test | diff`. */
export function addPolicyCommands(program: Command, socket: () => string): void {
  const policy = program.command('policy').description('checks, explains, tests and compares policy files');

  policy
    .command('check')
    .argument('<file...>', 'files or directories of ONE policy, later ones over earlier ones')
    .description(
      'tells every error with its line and column, and warns of what does nothing; exit status 1 if there is an error',
    )
    .action(async (files: string[]) => {
      const { id, priorities, technique, strategy, places } = warn(await readPolicy(files));
      const how = technique.kind === 'table' ? `${technique.rows.length} technique rows` : 'technique by prediction';
      const tables = `${how}${at(places?.technique)}, ${strategy.length} strategy rows${at(places?.strategy)}`;
      console.log(`${id} is valid: ${priorities.rules.length} priority rules, ${tables}`);
    });

  policy
    .command('explain')
    .argument('[file...]', 'files of the policy; without any the running plugin is asked, with its traffic of now')
    .description('which rule decides for a server, why, which others match, and what would be done')
    .requiredOption('--vm <name>', 'name of the server; for the running plugin its name or id')
    .option('--host <name>', 'the host that it is on')
    .option('--to <name>', 'the destination')
    .option('--project <id>', 'its project')
    .option('--flavor <name>', 'its flavor')
    .option('--image <id>', 'the image it was made from')
    .option('--zone <name>', 'availability zone')
    .option('--role <name>', 'role of who asks, may be repeated', collect)
    .option('--metadata <key=value>', 'may be repeated', collectPair)
    .option('--memory <amount>', 'like 4 GiB')
    .option('--dirties <amount>', 'memory that it writes a second, like 20 MiB; not measured unless given')
    .option('--sends <rate>', 'traffic of the server, like 300 Mbit')
    .option('--receives <rate>', 'likewise')
    .option('--link <rate>', 'rate of both links, 1 Gbit unless given')
    .option('--source-sends <rate>', 'workload traffic that leaves the source, like 70 %')
    .option('--source-receives <rate>', 'that comes to it')
    .option('--destination-sends <rate>', 'that leaves the destination')
    .option('--destination-receives <rate>', 'that comes to it')
    .option('--deadline <time>', 'when it must have ended: like 30 min, or a moment')
    .option('--at <moment>', 'like 2026-11-24T22:30:00+01:00; now unless given')
    .option('--json', 'as JSON')
    .action(async (files: string[], options: ExplainOptions) => {
      const explanation =
        files.length > 0 ? await explainOffline(files, options) : await explainRunning(socket(), options);
      console.log(options.json ? JSON.stringify(explanation, null, 2) : explanationReport(explanation));
    });

  policy
    .command('test')
    .argument('<file...>', 'files of cases, each naming its policy; a directory stands for its *.test.yaml files')
    .description('decides the cases and shows what differs from what they expect; exit status 1 if anything does')
    .action(async (files: string[]) => {
      let failed = false;
      const errors: PolicyError[] = [];
      for (const file of await caseFiles(files)) {
        const run = await runCases(file).catch((error: unknown) => {
          if (!(error instanceof FileErrors)) throw error;
          errors.push(...error.errors);
          return null;
        });
        if (!run) continue;
        failed ||= run.some(({ differences }) => differences.length > 0);
        console.log(casesReport(file, run));
      }
      if (errors.length > 0) throw new FileErrors(errors);
      if (failed) process.exitCode = FAILURE;
    });

  policy
    .command('diff')
    .argument('<old>', 'file or directory, or several separated by commas')
    .argument('<new>', 'likewise')
    .requiredOption(
      '--history <database>',
      "the plugin's configuration (plugin.yaml), or its database: a file or mysql://USER@HOST:PORT/DATABASE; it may be in use",
    )
    .option('--history-password-file <file>', 'of mysql://: holds the password')
    .option('--history-ca <file>', 'of mysql://: PEM of the CA of its certificate')
    .option('--json', 'as JSON, one object a migration')
    .description('decides the recorded migrations again under both and shows which would be decided otherwise')
    .action(async (before: string, after: string, options: HistoryOptions & { json?: boolean }) => {
      const [old, next] = await readBoth(before, after);
      warn(next);
      const history = await readHistory(locateHistory(options));
      console.log(diffReport(history, old, next, options.json ?? false));
    });
}

interface ExplainOptions {
  vm: string;
  host?: string;
  to?: string;
  project?: string;
  flavor?: string;
  image?: string;
  zone?: string;
  role?: string[];
  metadata?: Record<string, string>;
  memory?: string;
  dirties?: string;
  sends?: string;
  receives?: string;
  link?: string;
  sourceSends?: string;
  sourceReceives?: string;
  destinationSends?: string;
  destinationReceives?: string;
  at?: string;
  deadline?: string;
  json?: boolean;
}

async function explainOffline(files: string[], options: ExplainOptions): Promise<PolicyExplanation> {
  const policy = warn(await readPolicy(files));
  const { vm: name, project, flavor, image, zone, role, metadata, memory, dirties, sends, receives, link } = options;
  const given = {
    vm: {
      name,
      project,
      flavor,
      image,
      zone,
      role,
      metadata,
      memory,
      dirties,
      sends,
      receives,
    },
    source: { name: options.host, link, sends: options.sourceSends, receives: options.sourceReceives },
    destination: { name: options.to, link, sends: options.destinationSends, receives: options.destinationReceives },
    deadline: options.deadline,
    at: options.at ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  // What was not given is left out, not undefined.
  const parsed = Scene.safeParse(JSON.parse(JSON.stringify(given)));
  if (!parsed.success) {
    throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'));
  }
  for (const doubt of doubtsOf(parsed.data)) console.error(`drover: warning: ${doubt}`);
  const { world, migration } = stage(parsed.data, policy);
  const explanation = explainPolicy(world, policy, migration);
  const traffic = [
    sends,
    receives,
    options.sourceSends,
    options.sourceReceives,
    options.destinationSends,
    options.destinationReceives,
  ];
  return traffic.some((each) => each !== undefined) ? explanation : { ...explanation, decision: null, admission: null };
}

function explainRunning(socket: string, { vm, to, ...others }: ExplainOptions): Promise<PolicyExplanation> {
  const { json: _json, ...facts } = others;
  if (Object.keys(facts).length > 0) {
    throw new Error('the running plugin takes the facts from Nova: give --vm and --to only, or name the policy files');
  }
  const query = new URLSearchParams({ vm, ...(to === undefined ? {} : { destination: to }) });
  return ask(socket, `/v1/policy/explain?${query}`, PolicyExplanation);
}

/** @throws Error if a directory has none: a run of no cases would look as if all had passed. */
async function caseFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isDirectory = (await stat(path).catch(() => null))?.isDirectory() ?? false;
    const found = isDirectory
      ? (await readdir(path)).filter((name) => /^[^.].*\.test\.ya?ml$/.test(name)).sort()
      : null;
    if (found?.length === 0) throw new Error(`there is no *.test.yaml file in ${path}`);
    files.push(...(found?.map((name) => join(path, name)) ?? [path]));
  }
  return files;
}

async function runCases(file: string) {
  const read = await readPolicyFiles([file]);
  if ('errors' in read) throw new FileErrors(read.errors);
  const document = readDocument(read.files, CaseFile);
  if ('errors' in document) throw new FileErrors(document.errors);
  const policy = warn(await readPolicy(document.data.policy.map((path) => resolve(dirname(file), path))));
  return document.data.cases.map((each) => {
    for (const doubt of doubtsOf(each.given)) console.error(`drover: warning: ${file}: case "${each.name}": ${doubt}`);
    return runCase(policy, each);
  });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function collectPair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write KEY=VALUE, like drover:priority=high.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
