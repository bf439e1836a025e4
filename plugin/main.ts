#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OpenStackClient } from 'openstack-client-ts';
import { type Logger, pino } from 'pino';
import { createControlApi } from './api/assemble.ts';
import { healthOf } from './api/health.ts';
import { Beginning } from './beginning.ts';
import { type Config, readConfig } from './config.ts';
import type { Notice } from './contract.ts';
import { Retention } from './controller/retention.ts';
import { Controller } from './controller/run.ts';
import { locateDatabase } from './controller/store/locate.ts';
import { Store } from './controller/store/store.ts';
import { describeError } from './errors.ts';
import { NotificationListener } from './notifications/listener.ts';
import { createNovaCalls } from './nova/calls.ts';
import { RoomWatch } from './placement/watch.ts';
import { WindowAlarm } from './policy/alarm.ts';
import { formatPolicyError } from './policy/load.ts';
import { PolicyFiles } from './policy/watch.ts';
import { ProxyServer } from './proxy/server.ts';
import { whileLeading } from './replica/guard.ts';
import { Replica } from './replica/replica.ts';
import { runService } from './service.ts';
import { TraceExport } from './trace/export.ts';
import { createHostClient } from './tracker/hosts.ts';
import { Tracker } from './tracker/tracker.ts';
import { VERSION } from './version.ts';

/** hostd answers within milliseconds; one that is down is not waited for. */
const FIRST_SAMPLES_WITHIN_MS = 3000;
const DEFAULT_CONFIG = '/etc/drover/plugin.yaml';

export interface RunningPlugin {
  port: number;
  /** Of the control API; null where it is on its socket alone. */
  controlPort: number | null;
  /** One line that says how it is. */
  status(): string;
  stop(): Promise<void>;
}

/** Starts the plugin's parts in the order that they need each other; the result stops them in reverse. */
export async function startPlugin(config: Config, log: Logger): Promise<RunningPlugin> {
  const { keystone, hostd } = config;
  const client = new OpenStackClient({
    authUrl: keystone.authUrl,
    username: keystone.username,
    password: readFileSync(keystone.passwordFile, 'utf8').trim(),
    userDomainId: keystone.userDomainId,
    projectName: keystone.projectName,
    projectDomainId: keystone.projectDomainId,
    ...(keystone.region === undefined ? {} : { region: keystone.region }),
    // Not the catalogue's: that one may point at Drover itself.
    computeEndpoint: config.nova.url,
    ...(config.placement === undefined ? {} : { placementEndpoint: config.placement.url }),
  });
  const policy = new PolicyFiles(config.policy);
  const store = new Store(locateDatabase(config));
  let controller: Controller | null = null;
  const clients = hostd.hosts.map(({ name, url }) => createHostClient(name, url, hostd, () => store.fence));
  const tracker = new Tracker(clients, log, (host) => controller?.hostChanged(host));
  const calls = createNovaCalls(client);
  let replica: Replica | null = null;
  const nova = config.replica ? whileLeading(calls, () => replica?.election ?? null) : calls;
  const room = new RoomWatch({ calls: client, changed: () => controller?.wake(), log });
  const parts = { store, tracker, policy, nova, room, log };
  const traces = config.traces ? new TraceExport(config.traces, VERSION, (id) => store.events(id), log) : null;
  const listener = config.notifications
    ? new NotificationListener({
        settings: config.notifications,
        // A follower acts on nothing; the leader listens by itself.
        watched: () => controller?.watched ?? new Set(),
        told: (event) => controller?.notified(event),
        listening: () => controller?.listening(),
        log,
      })
    : null;
  controller = new Controller({
    ...parts,
    ...(listener ? { notified: listener.trust } : {}),
    liveMigrateRoles: config.liveMigrateRoles,
    ended: (record) => traces?.add(record),
    audit: (entry) => {
      store.addAudit(entry).catch((error: unknown) => {
        log.error({ ...entry, error: describeError(error) }, 'the audit cannot be written');
      });
    },
  });
  const running = controller;
  if (config.replica) {
    const { ca } = config.replica;
    replica = new Replica({
      replica: config.replica,
      store,
      controller,
      requestIdOf: (vmUuid, sinceMs) => calls.requestIdOf(vmUuid, sinceMs),
      ca: ca === undefined ? null : readFileSync(ca, 'utf8'),
      log,
    });
  }
  const handle = replica?.handle;
  const notice = (code: Notice['code'], text: string, details: string[] = []) => {
    store.addNotice({ atMs: Date.now(), code, text, details }).catch((error: unknown) => {
      log.error({ notice: code, error: describeError(error) }, 'a notice cannot be written down');
    });
  };
  const alarm = new WindowAlarm(() => {
    notice('windows-changed', 'a window of the policy opened or closed');
    running.wake();
  });
  policy.on('loaded', (loaded) => {
    log.info({ policy: loaded.id }, 'policy in effect');
    const { source, warnings } = policy.status;
    if (warnings.length > 0) log.warn({ policy: loaded.id, warnings }, 'the policy in effect has warnings');
    const commit = source?.commit ?? null;
    const counted = warnings.length > 0 ? `, with ${warnings.length} warning(s)` : '';
    notice('policy-loaded', `${loaded.id} is in effect${counted}`, [
      ...(commit === null ? [] : [`commit ${commit}`]),
      ...warnings,
    ]);
    alarm.watch(loaded);
    running.wake();
  });
  policy.on('refused', (found) => {
    const errors = found.map(formatPolicyError);
    const kept = policy.policy?.id ?? 'no policy';
    log.error({ errors, inEffect: kept }, 'policy refused, the one before stays in effect');
    notice('policy-refused', `refused with ${errors.length} error(s), ${kept} stays in effect`, errors);
  });
  const retention = new Retention(store, config.retention, log);
  const begun = replica ?? new Beginning(store, running, log);
  const problem = () => begun.problem;
  const control = createControlApi({
    ...{ config, client, store, controller: running, tracker, policy, problem, log },
    notifications: listener,
  });
  const proxy = new ProxyServer({
    listen: config.listen,
    upstream: { ...config.nova, urls: [config.nova.url, ...config.nova.others] },
    upstreamCa: config.nova.ca,
    forwarded: config.forwarded,
    limits: config.limits,
    onLiveMigrate: handle ?? ((request, forward) => running.handle(request, forward)),
    migrations: replica?.migrations ?? running.migrations,
    onServerChange: (change) => {
      // A follower writes nothing; the leader looks by itself.
      if (replica?.election.leads() !== false) running.serverChanged(change);
    },
    onAnswer: (status) => running.figures.addProxied(status),
    log,
  });

  // The control socket first: it tells whether another one runs, before anything is touched.
  const controlPort = await control.start();
  await begun.openStore();
  await policy.start();
  tracker.start();
  // A plan without samples would send all that waits to Nova.
  await tracker.asked(FIRST_SAMPLES_WITHIN_MS);
  await begun.begin();
  listener?.start();
  retention.start();
  const { address, port } = await proxy.start();
  log.info({ address, port, nova: config.nova.url }, 'drover stands before Nova');
  return {
    port,
    controlPort,
    status: () => healthOf(tracker, policy, [begun.problem, listener?.problem]).problems.join('; ') || 'ok',
    async stop() {
      await listener?.stop();
      await retention.stop();
      await begun.stop();
      await running.stop();
      await room.stop();
      await traces?.stop();
      await proxy.stop();
      await tracker.stop();
      alarm.stop();
      await policy.stop();
      await store.stop();
      await control.stop();
    },
  };
}

const USAGE = `usage: drover-plugin [run|check] [--config FILE] [--json]

  run    stands before Nova's API and moves servers (the default)
  check  looks at all that the plugin needs, changes nothing, and says what to do about each gap; exit status 1 if
         something is missing that it needs. To be run as the plugin's own user: runuser -u drover-plugin -- ...

  --config FILE  default ${DEFAULT_CONFIG}
  --json         of check: [{"check", "state": "ok" | "warn" | "fail", "found", "todo"}, ...]
`;

async function main(args: string[]): Promise<void> {
  const options = {
    config: { type: 'string', default: DEFAULT_CONFIG },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [command = 'run', ...more] = positionals;
  if (values.help) process.stdout.write(USAGE);
  else if (command === 'check' && more.length === 0) process.exitCode = await runCheck(values.config, values.json);
  else if (command === 'run' && more.length === 0 && !values.json) await run(values.config);
  else throw new Error(`there is no command "${positionals.join(' ')}" with these options\n${USAGE}`);
}

async function runCheck(file: string, asJson: boolean): Promise<number> {
  // Loaded only here: the service needs none of it.
  const [{ check }, { exitStatus }, { renderTable }] = await Promise.all([
    import('./check/check.ts'),
    import('drover-hostd/check/finding'),
    import('drover-hostd/check/table'),
  ]);
  const report = await check(file);
  process.stdout.write(asJson ? `${JSON.stringify(report, null, 2)}\n` : renderTable(report));
  return exitStatus(report);
}

async function run(file: string): Promise<void> {
  const config = readConfig(file);
  const log = pino({ name: 'drover-plugin', level: config.logLevel });
  await runService(log, () => startPlugin(config, log));
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`drover-plugin: ${describeError(error)}`);
    process.exit(1);
  });
}
