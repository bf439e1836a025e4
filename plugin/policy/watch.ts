import { EventEmitter } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PolicyStatus } from '../contract.ts';
import { commitOf } from './commit.ts';
import { formatPolicyError, type PolicyError, type PolicyText, parsePolicyFiles } from './load.ts';
import type { Policy } from './schema.ts';
import { policyWarnings } from './warnings.ts';

interface Events {
  loaded: [policy: Policy];
  refused: [errors: PolicyError[]];
}

/** A pause of a writer is taken for its end after so long: an editor, a copy or a template engine never rests half-way. */
const QUIET_MS = 3000;
/** Nobody waits for longer at a start; what is still being written then takes effect when it rests. */
const START_WITHIN_MS = 10_000;

/**
 * The files of a policy and its last good content. All are read anew every `pollMs`, and a change counts when two
 * readings of all of them in a row agree and nothing was written for `quietMs`: what is being written never takes
 * effect, nor half of a change to several, though the half may be a valid policy by itself.
 *
 * | what changed                                        | counts after                                             |
 * |-----------------------------------------------------|----------------------------------------------------------|
 * | a file is written in place                          | `quietMs` from the last write, however often it paused   |
 * | a file whose content is older comes by rename (*)   | two readings: whoever wrote it had finished long ago     |
 * | a file with a time in the future (a clock is wrong) | `quietMs` without another content, by this process' clock |
 * | a file that goes away                               | two readings: there is no half of it                     |
 *
 * (*) In a directory `quietMs` from the last file that came or went: it may be one of several.
 *
 * Polling the content sees what events miss: a file replaced by rename, a symbolic link that turns (as in a mounted
 * ConfigMap), a network file system.
 */
export class PolicyFiles extends EventEmitter<Events> {
  readonly #paths: readonly string[];
  readonly #pollMs: number;
  readonly #quietMs: number;
  #policy: Policy | null = null;
  #loadedAtMs: number | null = null;
  #refused: PolicyStatus['refused'] = null;
  #source: PolicyStatus['source'] = null;
  #warnings: string[] = [];
  /** The reading last judged, and the one last seen. */
  #judged: string | null = null;
  #seen: string | null = null;
  /** When the one last seen was first seen; not of the wall clock, which may jump. */
  #seenSinceMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();

  /** @param paths files and directories, later ones over earlier ones; see `readPolicyFiles`. */
  constructor(
    paths: string | readonly string[],
    { pollMs = 500, quietMs = QUIET_MS }: { pollMs?: number; quietMs?: number } = {},
  ) {
    super();
    this.#paths = typeof paths === 'string' ? [paths] : paths;
    this.#pollMs = pollMs;
    this.#quietMs = quietMs;
  }

  /** The last good policy, null if there never was one. */
  get policy(): Policy | null {
    return this.#policy;
  }

  get status(): PolicyStatus {
    const active = this.#policy?.id ?? null;
    const { refused, source, warnings } = { refused: this.#refused, source: this.#source, warnings: this.#warnings };
    return { active, loadedAtMs: this.#loadedAtMs, refused, warnings, source };
  }

  /**
   * Loads the files and goes on watching them; a bad or missing one does not throw, `status` tells.
   *
   * A file that was written just now is waited for: half of a policy would decide what cannot be undone, and a start that
   * is late by three seconds costs nothing (a restart finds an older file and does not wait). After ten seconds it starts
   * without a policy all the same, so that everything goes to Nova unchanged until the writer rests.
   */
  async start(): Promise<void> {
    const startedMs = performance.now();
    let reading = await this.#look();
    while (!this.#isAtRest(reading) && performance.now() - startedMs < START_WITHIN_MS) {
      await sleep(this.#pollMs);
      reading = await this.#look();
    }
    if (this.#isAtRest(reading)) await this.#judge(reading);
    else this.#refuse([stillWritten(this.#paths, this.#quietMs)]);
    this.#schedule();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#reading;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#reading = this.#poll();
    }, this.#pollMs);
    this.#timer.unref();
  }

  async #poll(): Promise<void> {
    const before = this.#seen;
    const reading = await this.#look();
    if (this.#timer === null) return;
    if (reading.key === before && reading.key !== this.#judged && this.#isAtRest(reading)) await this.#judge(reading);
    if (this.#timer === null) return;
    this.#schedule();
  }

  async #look(): Promise<Reading> {
    const read = await readPolicyFiles(this.#paths);
    const key = JSON.stringify(read);
    if (key !== this.#seen) this.#seenSinceMs = performance.now();
    this.#seen = key;
    // Looked up only for what may take effect.
    if ('errors' in read || key === this.#judged) return { key, read, writtenAtMs: null };
    // After the reading: a write in between makes it young.
    const writtenAtMs = await newestWrite([...this.#paths, ...read.files.map(({ name }) => name)]);
    return { key, read, writtenAtMs };
  }

  #isAtRest({ read, writtenAtMs }: Reading): boolean {
    if ('errors' in read) return true;
    const sameForMs = performance.now() - this.#seenSinceMs;
    return sameForMs >= this.#quietMs || (writtenAtMs !== null && Date.now() - writtenAtMs >= this.#quietMs);
  }

  async #judge({ key, read }: Reading): Promise<void> {
    this.#judged = key;
    if ('errors' in read) {
      this.#refuse(read.errors);
      return;
    }
    const result = parsePolicyFiles(read.files);
    if ('errors' in result) {
      this.#refuse(result.errors);
      return;
    }
    const files = read.files.map(({ name }) => name);
    const source = { files, commit: await commitOf(files[0] ?? '') };
    this.#refused = null;
    this.#loadedAtMs = Date.now();
    this.#policy = result.policy;
    this.#source = source;
    this.#warnings = policyWarnings(result.policy);
    this.emit('loaded', result.policy);
  }

  #refuse(errors: PolicyError[]): void {
    this.#refused = { atMs: Date.now(), errors: errors.map(formatPolicyError) };
    this.emit('refused', errors);
  }
}

interface Reading {
  key: string;
  read: { files: PolicyText[] } | { errors: PolicyError[] };
  /** The newest time of a write to any of them; null where that was not looked up or cannot be told. */
  writtenAtMs: number | null;
}

/** Of files and directories (to which one was added, or from which one went); null if one went away meanwhile. */
async function newestWrite(paths: readonly string[]): Promise<number | null> {
  try {
    const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
    return Math.max(...times);
  } catch {
    return null;
  }
}

function stillWritten(paths: readonly string[], quietMs: number): PolicyError {
  const message = `is still being written: it takes effect when nothing was written for ${quietMs / 1000} s. Write a policy beside its file and rename it`;
  return { file: basename(paths[0] ?? 'policy'), line: 1, column: 1, path: '', message };
}

/**
 * Reads the files of a policy in their order. A directory stands for its *.yaml and *.yml files in the order of their
 * names (by code point, so 10-a stands before 9-b); its *.test.yaml files (cases) and hidden files are left out.
 */
export async function readPolicyFiles(
  paths: readonly string[],
): Promise<{ files: PolicyText[] } | { errors: PolicyError[] }> {
  const files: PolicyText[] = [];
  const errors: PolicyError[] = [];
  for (const path of paths) {
    try {
      for (const name of await filesOf(path)) files.push({ name, text: textOf(await readFile(name)) });
    } catch (error) {
      const message = `cannot be read: ${whyUnread(error)}`;
      errors.push({ file: basename(path), line: 1, column: 1, path: '', message });
    }
  }
  return errors.length > 0 ? { errors } : { files };
}

function whyUnread(error: unknown): string {
  const advice: Record<string, string> = {
    ENOENT: 'check its path',
    EACCES: 'give the user that reads it the right to, on its folders too',
    EISDIR: 'name a file',
  };
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: '', message: String(error) };
  const todo = advice[code ?? ''];
  return todo === undefined ? message : `${message}: ${todo}`;
}

/** A name with a byte that is no UTF-8 would be read as another one, and match nothing. */
function textOf(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new Error('it is not UTF-8: save it in that encoding');
  }
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /^[^.].*\.ya?ml$/.test(name) && !/\.test\.ya?ml$/.test(name));
  if (names.length === 0) throw new Error(`there is no *.yaml file in ${path}`);
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(path, name));
}
