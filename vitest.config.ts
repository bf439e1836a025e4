import { defineConfig } from 'vitest/config';

/** These wait most of the time: for processes, timers and locks. */
const WAITING_WORKERS = 3;

/**
 * unit: pure, no I/O. functional: real HTTP, real SQLite, doubles for Nova and hostd. host: the real kernel (tc, nft,
 * namespaces), needs root. live: the OpenStack lab.
 */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000, maxWorkers: WAITING_WORKERS } },
      {
        test: {
          name: 'functional',
          include: ['test/{functional,regressions,abuse}/**/*.test.ts'],
          testTimeout: 20_000,
          maxWorkers: WAITING_WORKERS,
        },
      },
      {
        test: {
          name: 'host',
          include: ['test/host/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
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
