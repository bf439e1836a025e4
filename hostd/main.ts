#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { describeError } from './errors.ts';

const USAGE = 'usage: node hostd/main.ts --config /etc/drover/hostd.yaml';

async function main(): Promise<void> {
  const file = configFile();
  const config = readConfig(file);
  const log = pino({ name: 'drover-hostd', level: config.logLevel, base: { host: config.host } });
  const daemon = new Daemon(config, log);
  const port = await daemon.start();
  log.info({ address: config.listen.address, port, nic: config.nic }, 'hostd is ready');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'hostd stops');
      daemon.stop().then(() => process.exit(0), fail);
    });
  }
}

function configFile(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' } } });
    if (values.config) return values.config;
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`);
  }
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}

function fail(error: unknown): never {
  process.stderr.write(`drover-hostd: ${describeError(error)}\n`);
  process.exit(1);
}

main().catch(fail);
