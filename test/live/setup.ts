import { down } from '../lab/down.ts';
import { LIVE_LAB, liveLab } from './stage.ts';

/** Brings the lab of the live tests up before the first of them, and takes it down after the last. */
export async function setup(): Promise<void> {
  (await liveLab()).close();
}

export async function teardown(): Promise<void> {
  if (process.env.KEEP_LAB) return;
  await down(LIVE_LAB, true, (text) => console.error(text));
}
