import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { PolicyStatus } from '../contract.ts';
import { formatPolicyError, type PolicyError, parsePolicy } from './load.ts';
import type { Policy } from './schema.ts';

interface Events {
  loaded: [policy: Policy];
  refused: [errors: PolicyError[]];
}

/** As the contract's PolicyStatus, with nulls while no policy was ever loaded. */
export interface PolicyFileStatus {
  active: string | null;
  loadedAtMs: number | null;
  refused: PolicyStatus['refused'];
}

/**
 * A policy file and its last good content. The file is read anew every `pollMs` and a change counts only when two
 * readings in a row agree, so that a file that is still being written never takes effect. Polling the content sees what
 * events miss: a file replaced by rename, a symbolic link that turns (as in a mounted ConfigMap), a network file system.
 */
export class PolicyFile extends EventEmitter<Events> {
  readonly #file: string;
  readonly #pollMs: number;
  #policy: Policy | null = null;
  #loadedAtMs: number | null = null;
  #refused: PolicyFileStatus['refused'] = null;
  /** The text (or reading error) last judged, and the one last seen. */
  #judged: string | null = null;
  #seen: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(file: string, { pollMs = 500 }: { pollMs?: number } = {}) {
    super();
    this.#file = file;
    this.#pollMs = pollMs;
  }

  /** The last good policy, null if there never was one. */
  get policy(): Policy | null {
    return this.#policy;
  }

  get status(): PolicyFileStatus {
    return { active: this.#policy?.id ?? null, loadedAtMs: this.#loadedAtMs, refused: this.#refused };
  }

  /** Loads the file and goes on watching it; a bad or missing file does not throw, `status` tells. */
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
    try {
      const text = await readFile(this.#file, 'utf8');
      return { key: `text ${text}`, text };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { key: `error ${message}`, message };
    }
  }

  #judge(reading: Reading): void {
    this.#judged = reading.key;
    const file = basename(this.#file);
    const result =
      'text' in reading
        ? parsePolicy(reading.text, file)
        : { errors: [{ file, line: 1, column: 1, path: '', message: `cannot be read: ${reading.message}` }] };
    if ('errors' in result) {
      this.#refused = { atMs: Date.now(), errors: result.errors.map(formatPolicyError) };
      this.emit('refused', result.errors);
      return;
    }
    this.#refused = null;
    this.#loadedAtMs = Date.now();
    this.#policy = result.policy;
    this.emit('loaded', result.policy);
  }
}

type Reading = { key: string; text: string } | { key: string; message: string };
