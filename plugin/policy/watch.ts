import { EventEmitter } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { PolicyStatus } from '../contract.ts';
import { commitOf } from './commit.ts';
import { formatPolicyError, type ParsedPolicy, type PolicyError, type PolicyText, parsePolicyFiles } from './load.ts';
import type { Policy } from './schema.ts';

interface Events {
  loaded: [policy: Policy];
  refused: [errors: PolicyError[]];
}

/**
 * The files of a policy and its last good content. All are read anew every `pollMs` and a change counts only when two
 * readings of all of them in a row agree, so that a file that is still being written never takes effect, nor half of a
 * change to several. Polling the content sees what events miss: a file replaced by rename, a symbolic link that turns
 * (as in a mounted ConfigMap), a network file system.
 */
export class PolicyFiles extends EventEmitter<Events> {
  readonly #paths: readonly string[];
  readonly #pollMs: number;
  #policy: Policy | null = null;
  #loadedAtMs: number | null = null;
  #refused: PolicyStatus['refused'] = null;
  #source: PolicyStatus['source'] = null;
  /** The reading last judged, and the one last seen. */
  #judged: string | null = null;
  #seen: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();

  /** @param paths files and directories, later ones over earlier ones; see `readPolicyFiles`. */
  constructor(paths: string | readonly string[], { pollMs = 500 }: { pollMs?: number } = {}) {
    super();
    this.#paths = typeof paths === 'string' ? [paths] : paths;
    this.#pollMs = pollMs;
  }

  /** The last good policy, null if there never was one. */
  get policy(): Policy | null {
    return this.#policy;
  }

  get status(): PolicyStatus {
    const active = this.#policy?.id ?? null;
    return { active, loadedAtMs: this.#loadedAtMs, refused: this.#refused, source: this.#source };
  }

  /** Loads the files and goes on watching them; a bad or missing one does not throw, `status` tells. */
  async start(): Promise<void> {
    const reading = await this.#read();
    this.#seen = reading.key;
    this.#judge(reading);
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
    const reading = await this.#read();
    if (this.#timer === null) return;
    const settled = reading.key === this.#seen;
    this.#seen = reading.key;
    if (settled && reading.key !== this.#judged) this.#judge(reading);
    this.#schedule();
  }

  async #read(): Promise<Reading> {
    const read = await readPolicyFiles(this.#paths);
    const key = JSON.stringify(read);
    // Looked up only for what may take effect.
    if ('errors' in read || key === this.#judged) return { key, read, source: null };
    const files = read.files.map(({ name }) => name);
    return { key, read, source: { files, commit: await commitOf(files[0] ?? '') } };
  }

  #judge({ key, read, source }: Reading): void {
    this.#judged = key;
    const result: ParsedPolicy = 'errors' in read ? read : parsePolicyFiles(read.files);
    if ('errors' in result) {
      this.#refused = { atMs: Date.now(), errors: result.errors.map(formatPolicyError) };
      this.emit('refused', result.errors);
      return;
    }
    this.#refused = null;
    this.#loadedAtMs = Date.now();
    this.#policy = result.policy;
    this.#source = source;
    this.emit('loaded', result.policy);
  }
}

interface Reading {
  key: string;
  read: { files: PolicyText[] } | { errors: PolicyError[] };
  source: PolicyStatus['source'];
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
      const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      errors.push({ file: basename(path), line: 1, column: 1, path: '', message });
    }
  }
  return errors.length > 0 ? { errors } : { files };
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
