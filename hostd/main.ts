#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { type Config, readConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { describeError } from './errors.ts';
import { createLog, type HostdLog } from './log.ts';

const USAGE = 'usage: node hostd/main.ts --config /etc/drover/hostd.yaml';

async function main(): Promise<void> {
  const file = configFile();
  const config = readConfig(file);
  const log = createLog({ level: config.logLevel, host: config.host });
  const daemon = new Daemon(config, log);
  const port = await daemon.start();
  log.log.info({ address: config.listen.address, port, nic: config.nic }, 'hostd is ready');
  process.on('SIGHUP', () => reload(daemon, file, config, log));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.log.info({ signal }, 'hostd stops');
      log.flush();
      daemon.stop().then(() => process.exit(0), fail);
    });
  }
}

function reload(daemon: Daemon, file: string, running: Config, { log }: HostdLog): void {
  try {
    const config = readConfig(file);
    daemon.reload(config);
    const rest = ({ clients: _, ...others }: Config) => JSON.stringify(others);
    if (rest(config) === rest(running)) log.info('Clients and certificates were read again');
    else log.warn('Clients and certificates were read again; what else has changed needs a restart');
  } catch (error) {
    log.error({ error: describeError(error) }, 'Cannot reload: hostd goes on as before');
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
