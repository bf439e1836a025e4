import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationRecord } from '../../plugin/contract.ts';
import type { Drover } from '../lab/drover.ts';

const LOOK_EVERY_MS = 500;
const FINAL = ['completed', 'failed', 'aborted'];

/** Prints what happens to the migrations as it happens, until `count` of them have ended; throws after `withinMs`. */
export async function showProgress(drover: Drover, count: number, withinMs: number): Promise<MigrationRecord[]> {
  const beganAtMs = Date.now();
  const printed = new Map<number, number>();
  let line = '';
  for (;;) {
    const migrations = (await drover.migrations()).reverse();
    for (const migration of migrations) {
      const events = await drover.events(migration.id);
      for (const event of events.slice(printed.get(migration.id) ?? 0)) {
        const second = ((event.atMs - beganAtMs) / 1000).toFixed(1).padStart(6);
        console.log(`${second} s  ${migration.vmName.padEnd(9)} ${event.state.padEnd(10)} ${event.reason.text}`);
      }
      printed.set(migration.id, events.length);
    }
    const bars = migrations.filter((migration) => !FINAL.includes(migration.state)).map(bar);
    if (bars.length > 0 && bars.join() !== line) {
      line = bars.join();
      console.log(`          ${bars.join('   ')}`);
    }
    if (migrations.length >= count && migrations.every((migration) => FINAL.includes(migration.state))) {
      return migrations;
    }
    if (Date.now() - beganAtMs > withinMs) {
      throw new Error(`not all migrations ended within ${withinMs / 1000} s; read ${drover.folder}/log/plugin.log`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** `receives ▓▓▓▓░░░░░░ 41 % 212 Mbit/s`, `idle (queued)`. */
export function bar(migration: MigrationRecord): string {
  const { progress, vmName, state } = migration;
  if (!progress || progress.totalBytes === 0) return `${vmName} (${state})`;
  const WIDTH = 10;
  const done = Math.min(1, Math.max(0, 1 - progress.remainingBytes / progress.totalBytes));
  const full = Math.round(done * WIDTH);
  const rate = Math.round(progress.transferBitsPerSecond / 1e6);
  return `${vmName} ${'▓'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.round(done * 100)} % ${rate} Mbit/s`;
}
