import { resolve } from 'node:path';
import { ServiceProcess } from '../service-process.ts';

const MAIN = resolve(import.meta.dirname, '../../bot/main.ts');
const START_WITHIN_MS = 120_000;

/** The real bot as a process. `readyWords`: what it says when it hears Slack. */
export function botProcess(
  config: string,
  folder: string,
  environment: Record<string, string>,
  readyWords: 'connected to Slack' | 'the bot listens' = 'connected to Slack',
): ServiceProcess {
  const startWithinMs = START_WITHIN_MS;
  return new ServiceProcess({ name: 'the bot', main: MAIN, config, folder, environment, readyWords, startWithinMs });
}
