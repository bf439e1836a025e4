import { type Config, readConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { describeError } from './errors.ts';
import { createLog, type HostdLog } from './log.ts';
import { settleMemory } from './memory.ts';
import { Notifier } from './notify.ts';

/** All modules are loaded, and all domains of libvirt read, so long after the start. */
const SETTLED_MS = 10_000;

/** Runs the daemon until a signal ends it. `file` is read again on SIGHUP. Resolves once it has ended. */
export async function runDaemon(file: string): Promise<void> {
  const config = readConfig(file);
  const log = createLog({ level: config.logLevel, host: config.host });
  const notifier = new Notifier(process.env, log.log);
  const daemon = new Daemon(config, log);
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  const port = await daemon.start();
  log.log.info({ address: config.listen.address, port, nic: config.nic }, 'hostd is ready');
  notifier.ready(
    () => daemon.alive(),
    () => daemon.status(),
  );
  setTimeout(() => settleMemory(log.log), SETTLED_MS).unref();
  process.on('SIGHUP', () => {
    notifier.reloading();
    reload(daemon, file, config, log);
    notifier.reloaded();
  });
  const signal = await stopped;
  log.log.info({ signal }, 'hostd stops');
  notifier.stopping();
  await daemon.stop();
  log.flush();
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
