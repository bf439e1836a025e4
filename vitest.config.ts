import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/sequence.ts';

/** These wait most of the time: for processes, timers and locks. */
const WAITING_WORKERS = 3;
/**
 * For whom nothing else is said: a test that polls goes on as soon as what it waits for is there, so these are for a
 * machine that is many times slower than usual.
 */
const PATIENCE = { expect: { poll: { timeout: 30_000 } }, testTimeout: 120_000, hookTimeout: 120_000 };

const PROPERTIES = ['test/properties.ts'];

/**
 * unit: pure, no I/O. functional: real HTTP, real SQLite, doubles for Nova and hostd. host: the real kernel (tc, nft,
 * namespaces), needs root. live: the OpenStack lab.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...PATIENCE,
          name: 'unit',
          setupFiles: PROPERTIES,
          include: ['test/unit/**/*.test.ts'],
          maxWorkers: WAITING_WORKERS,
        },
      },
      {
        test: {
          ...PATIENCE,
          name: 'functional',
          setupFiles: PROPERTIES,
          globalSetup: ['test/compiled.ts'],
          include: ['test/{functional,regressions,abuse}/**/*.test.ts'],
          maxWorkers: WAITING_WORKERS,
        },
      },
      {
        test: {
          ...PATIENCE,
          name: 'host',
          globalSetup: ['test/compiled.ts'],
          include: ['test/host/**/*.test.ts'],
          // Most of it waits for libvirt and for the kernel's time; each file has namespaces of its own.
          maxWorkers: 2,
          // Behind the others, since it measures rates and times.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'live',
          include: ['test/live/**/*.test.ts'],
          globalSetup: ['test/live/setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
