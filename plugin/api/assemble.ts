import type { OpenStackClient } from 'openstack-client-ts';
import type { Logger } from 'pino';
import type { Config, Control } from '../config.ts';
import type { AuditEntry } from '../contract.ts';
import type { Controller } from '../controller/run.ts';
import type { Store } from '../controller/store/store.ts';
import { DroverError, describeError } from '../errors.ts';
import type { ListenerFigures } from '../notifications/listener.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import type { Tracker } from '../tracker/tracker.ts';
import { VERSION } from '../version.ts';
import { Authenticator } from './authenticate.ts';
import { createHandlers } from './handlers.ts';
import { healthOf } from './health.ts';
import { KeystoneTokens } from './keystone.ts';
import { renderMetrics } from './metrics.ts';
import { ReadinessProbe } from './readiness.ts';
import { ControlServer } from './server.ts';
import { EventStreams } from './stream.ts';
import { Tokens } from './tokens.ts';

export interface ControlParts {
  config: Pick<Config, 'controlSocket' | 'control'>;
  client: Pick<OpenStackClient, 'validateToken' | 'versions'>;
  store: Store;
  controller: Controller;
  tracker: Tracker;
  policy: PolicyFiles;
  /** Null: nobody listens to Nova's notifications. */
  notifications?: { problem: string | null; figures: ListenerFigures } | null;
  /** Why nothing is managed, null if it is. */
  problem: () => string | null;
  log: Logger;
}

/** The control API over the parts that answer it. */
export function createControlApi(parts: ControlParts): ControlServer {
  const { config, client, store, controller, tracker, policy, notifications = null, problem, log } = parts;
  const network = config.control ? networkOf(config.control, client, log) : null;
  const probe = new ReadinessProbe({
    store: async () => {
      const why = problem();
      if (why !== null) throw new DroverError('store-unavailable', why);
      await store.probe();
    },
    policy: async () => {
      if (policy.policy !== null) return;
      throw new DroverError('policy-missing', 'no policy is in effect: everything goes to Nova unchanged');
    },
    nova: async () => {
      await client.versions();
    },
  });
  const audit = (entry: Omit<AuditEntry, 'id'>) => {
    store.addAudit(entry).catch((error: unknown) => {
      log.error({ ...entry, error: describeError(error) }, 'the audit cannot be written');
    });
  };
  const streams = new EventStreams(
    {
      eventsAfter: (after, limit) => store.eventsAfter(after, limit),
      notices: (after, limit) => store.notices(after, limit),
      newestPosition: () => store.newestPosition(),
      unfinished: () => controller.views.unfinished(),
    },
    log,
  );
  const handlers = createHandlers({
    migrations: (query) => controller.views.list(query),
    migration: (id) => controller.views.migration(id),
    events: (id) => controller.views.events(id),
    ask: (request, asker, traceparent) => controller.ask(request, asker, traceparent),
    cancel: (id, asker) => controller.cancel(id, asker),
    setPriority: (id, priority, asker) => controller.setPriority(id, priority, asker),
    servers: (query) => controller.views.servers(query),
    note: audit,
    streams,
    hosts: () => controller.views.hosts(),
    policy: () => policy.status,
    explain: (vm, destination) => controller.views.explain(vm, destination),
    plan: () => controller.views.plan(),
    whatIf: (request) => controller.views.whatIf(request),
    notices: (after, limit) => controller.views.notices(after, limit),
    audit: (before, limit) => controller.views.audit(before, limit),
    health: () =>
      healthOf(tracker, policy, [problem(), network?.tokens?.problem, server.problem, notifications?.problem]),
    readiness: () => probe.read(),
    metrics: async () =>
      renderMetrics({
        version: VERSION,
        figures: controller.figures,
        unfinished: await controller.views.unfinished(),
        hosts: controller.views.hosts(),
        policy: policy.status,
        leader: store.fence > 0,
        notifications: notifications?.figures ?? null,
        server: {
          answers: server.answers,
          refusedAttempts: network?.authenticator.refusedAttempts ?? 0,
          streams: streams.count,
          streamsCutOff: streams.cutOff,
        },
        process: {
          cpuSeconds: cpuSeconds(),
          residentBytes: process.memoryUsage.rss(),
          startedAtSeconds: performance.timeOrigin / 1000,
        },
      }),
  });
  const server = new ControlServer({ socket: config.controlSocket, listen: network }, handlers, audit, log);
  return server;
}

/** Where it listens on the network, and who may use it there. */
function networkOf({ listen, tls, tokens: file, keystone }: Control, client: ControlParts['client'], log: Logger) {
  const tokens = file === undefined ? null : new Tokens(file, log);
  tokens?.look();
  const users = keystone ? new KeystoneTokens((token) => client.validateToken(token), keystone.roles) : null;
  return { ...listen, tls: tls ?? null, tokens, authenticator: new Authenticator(tokens, users) };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
