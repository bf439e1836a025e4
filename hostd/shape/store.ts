import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Lease, LeaseRequest } from '../contract.ts';
import { HostdError } from '../errors.ts';
import { bootTimeMs } from '../native.ts';
import { writeDurably } from './durable.ts';

/**
 * A lease as hostd keeps it. `expiresAtMs` is time since the host's start with the time in suspend (CLOCK_BOOTTIME): it
 * goes on while hostd is down, and a clock that is set neither ends nor prolongs a lease.
 */
const HeldLease = z.object({
  leaseId: Lease.shape.leaseId,
  request: LeaseRequest,
  owner: z.string(),
  expiresAtMs: z.number(),
});
export type HeldLease = z.infer<typeof HeldLease>;

/**
 * A lease that is on disk and of which it is not known yet whether the kernel takes it, so that nobody was told of it;
 * `before` is what it was, null: none.
 */
const Unsure = z.object({ leaseId: Lease.shape.leaseId, before: HeldLease.nullable() });
export type Unsure = z.infer<typeof Unsure>;

const LeasesFile = z.object({
  bootId: z.string(),
  leases: z.array(HeldLease),
  unsure: Unsure.nullable().default(null),
});

export interface StoredLeases {
  leases: HeldLease[];
  unsure: Unsure | null;
}
const FenceFile = z.object({ fence: z.number().int().nonnegative() });

/** Leases and the highest fence on disk, in two files: the leases end with the boot, the fence outlives it. */
export class LeaseStore {
  readonly fenceFile: string;
  readonly #leasesFile: string;
  readonly #stateDir: string;
  readonly #bootId: string;

  constructor(stateDir: string, bootId: string) {
    this.#stateDir = stateDir;
    this.#bootId = bootId;
    this.fenceFile = join(stateDir, 'fence.json');
    this.#leasesFile = join(stateDir, 'leases.json');
  }

  /** @throws HostdError `state-unwritable`. */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new HostdError('state-unwritable', `stateDir ${this.#stateDir} cannot be made`, { cause: error });
    }
  }

  /** After a reboot the kernel has nothing of the leases any more, and their migrations are over: none is returned. */
  async readLeases(): Promise<StoredLeases> {
    const text = await readIfThere(this.#leasesFile);
    if (text === null) return { leases: [], unsure: null };
    const { bootId, leases, unsure } = LeasesFile.parse(JSON.parse(text));
    if (bootId !== this.#bootId) return { leases: [], unsure: null };
    // Never longer than asked for, whatever the file says.
    const nowMs = bootTimeMs();
    return {
      leases: leases.map((lease) => ({
        ...lease,
        expiresAtMs: Math.min(lease.expiresAtMs, nowMs + lease.request.ttlMs),
      })),
      unsure,
    };
  }

  async writeLeases(leases: readonly HeldLease[], unsure: Unsure | null = null): Promise<void> {
    await writeDurably(this.#leasesFile, JSON.stringify({ bootId: this.#bootId, leases, unsure }));
  }

  /** 0 where no leader has ever been seen. */
  async readFence(): Promise<number> {
    const text = await readIfThere(this.fenceFile);
    return text === null ? 0 : FenceFile.parse(JSON.parse(text)).fence;
  }

  async writeFence(fence: number): Promise<void> {
    await writeDurably(this.fenceFile, JSON.stringify({ fence }));
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
