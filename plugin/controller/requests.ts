import { createHash } from 'node:crypto';
import { mayActAs } from '../api/roles.ts';
import type { Asked, MigrationRequest, Priority } from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { NovaCalls, ServerDetails } from '../nova/control.ts';
import type { RoomWatch } from '../placement/watch.ts';
import type { Policy } from '../policy/schema.ts';
import { newRequestId } from '../proxy/live-migrate.ts';
import { ADMINISTRATOR, type Admission, judge } from './admit.ts';
import { cancel } from './cancel.ts';
import type { Execution } from './execute/execute.ts';
import { type Asker, checkDeadline, checkPriority } from './may-ask.ts';
import type { Entry, Queue } from './queue.ts';
import { isFinal, type Store, type StoredMigration } from './store/store.ts';

export interface RequestParts {
  store: Store;
  queue: Queue;
  /** Another one after each start. */
  execution: () => Execution;
  nova: NovaCalls;
  liveMigrateRoles: string[];
  policy: () => Policy | null;
  /** Why a migration like this would be refused for its deadline if it were asked for now, null: it would not. */
  refusal: (migration: { vmUuid: string; taken: Taken; asked: Asked }) => string | null;
  room?: Pick<RoomWatch, 'ready'> | undefined;
  wake: () => void;
}

type Taken = Extract<Admission, { kind: 'take' }>;

/** The first with asynchronous checks is 2.34; this one every Nova since Train speaks (openstack-client-ts). */
const MICROVERSION = '2.80';
const NOTHING_ASKED: Asked = {
  priority: null,
  deadlineAtMs: null,
  notBeforeAtMs: null,
  requester: null,
  client: null,
  group: null,
  traceparent: null,
};

/**
 * What is asked through the control API: migrations, their end, another priority. The same admission as through the
 * compute API; Nova is asked with Drover's own account.
 *
 * What is asked for here goes before what the server's metadata and the policy's rules say: the priority as it is, if the
 * asker's role may ask for it (`priorities.asking` of the policy), and the deadline unless it lies beyond `deadlines.max`,
 * which is refused.
 *
 * | asked  | drover:priority, rule | priorities.asking       | role    | priority |
 * |--------|-----------------------|-------------------------|---------|----------|
 * | none   | medium                |                         | request | medium   |
 * | high   | medium                |                         | request | high     |
 * | high   | medium                | `{ high: operate }`     | request | refused  |
 * | low    | high                  | `{ high: operate }`     | request | low      |
 */
export class Requests {
  readonly #parts: RequestParts;
  /** Those with an idempotency key that are being answered. */
  readonly #answering = new Map<string, Promise<{ record: StoredMigration; added: boolean }>>();

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  /**
   * Takes a migration to be done; it is on disk when this returns. What was asked with the same key by the same asker
   * before gives the same migration, `added` false.
   *
   * @throws DroverError `server-unknown`, `server-ambiguous`, `server-busy`, `destination-refused`, `forbidden`,
   * `priority-refused`, `deadline-refused`, `idempotency-key-reused`, `policy-missing`, `nova-unreachable`.
   */
  async ask(request: MigrationRequest, asker: Asker, traceparent: string | null) {
    const { idempotencyKey, ...wanted } = request;
    if (idempotencyKey === undefined) return this.#take(wanted, asker, traceparent, null);
    const digest = createHash('sha256')
      .update(JSON.stringify(Object.entries(wanted).sort()))
      .digest('hex');
    const key = { client: asker.name, key: idempotencyKey, digest };
    const name = JSON.stringify([key.client, key.key]);
    // One after the other: the second finds what the first has stored.
    const before = this.#answering.get(name) ?? Promise.resolve();
    const answer = before
      .catch(() => {})
      .then(async () => {
        const kept = await this.#parts.store.withKey(key);
        return kept ? { record: kept, added: false } : this.#take(wanted, asker, traceparent, key);
      });
    this.#answering.set(name, answer);
    try {
      return await answer;
    } finally {
      if (this.#answering.get(name) === answer) this.#answering.delete(name);
    }
  }

  /**
   * Ends one that waits, or has Nova abort one that runs; that end is seen later.
   *
   * @throws DroverError `migration-unknown`, `forbidden`, `migration-ended`, `migration-in-post-copy`,
   * `migration-not-begun`, `nova-refused`.
   */
  async cancel(id: number, asker: Asker): Promise<StoredMigration> {
    return cancel(await this.#changeable(id, asker), asker.name, this.#parts);
  }

  /**
   * Gives one that waits or runs another priority; everything is planned anew.
   *
   * @throws DroverError `migration-unknown`, `forbidden`, `migration-ended`, `priority-refused`.
   */
  async setPriority(id: number, priority: Priority, asker: Asker): Promise<StoredMigration> {
    const { queue, execution, wake } = this.#parts;
    checkPriority(this.#parts.policy(), priority, asker);
    const entry = await this.#changeable(id, asker);
    const asked: Asked = { ...(entry.asked ?? NOTHING_ASKED), priority };
    const reason = { code: 'priority-changed', text: `priority ${priority} by ${asker.name} through the control API` };
    await this.#parts.store.note(id, reason, Date.now());
    const changed = await queue.update(entry, { asked });
    if (changed.decision && changed.state !== 'queued') {
      await execution().running.decideAnew(changed, { ...changed.decision, priority, priorityReason: reason });
    }
    wake();
    return queue.get(id) ?? changed;
  }

  async #take(
    wanted: Omit<MigrationRequest, 'idempotencyKey'>,
    asker: Asker,
    traceparent: string | null,
    key: Parameters<Store['addAsked']>[2],
  ): Promise<{ record: StoredMigration; added: boolean }> {
    const { queue, nova, refusal, wake } = this.#parts;
    const receivedAtMs = Date.now();
    const priority = wanted.priority ?? null;
    const policy = this.#parts.policy();
    if (priority !== null) checkPriority(policy, priority, asker);
    const deadlineAtMs = wanted.deadlineAtMs ?? null;
    const notBeforeAtMs = wanted.notBeforeAtMs ?? null;
    checkDeadline(policy, { deadlineAtMs, notBeforeAtMs }, receivedAtMs);
    const { id: vmUuid, ...server } = await this.#server(wanted.vm);
    const [hosts, newestBefore, caller] = await Promise.all([
      nova.computeHosts(),
      nova.newestMigration(vmUuid),
      this.#caller(vmUuid, asker),
      this.#parts.room?.ready(vmUuid),
    ]);
    const destination = wanted.destination ?? null;
    const judged = { host: destination, hosts, ...caller, microversion: MICROVERSION, newestBefore };
    const taken = judge(server, judged);
    if (taken.kind === 'pass') throw refused(taken.reason, vmUuid);
    if (queue.holds(vmUuid)) {
      const other = queue.entries().find((entry) => entry.vmUuid === vmUuid);
      throw new DroverError(
        'server-busy',
        `${server.name} has migration ${other?.id ?? 'that is just arriving'} already`,
      );
    }
    const asked: Asked = {
      priority,
      deadlineAtMs,
      notBeforeAtMs,
      requester: wanted.requester ?? null,
      client: asker.name,
      group: wanted.group ?? null,
      traceparent,
    };
    const why = refusal({ vmUuid, taken, asked });
    if (why !== null) throw new DroverError('deadline-refused', why);
    const request = {
      host: destination,
      blockMigration: 'auto' as const,
      diskOverCommit: null,
      force: null,
      microversion: MICROVERSION,
      requestId: newRequestId(),
      newestBefore,
    };
    const answer = await queue.addAsked(vmUuid, taken, request, receivedAtMs, asked, key);
    wake();
    return answer;
  }

  /** @throws DroverError `server-unknown`, `server-ambiguous`. */
  async #server(vm: string): Promise<ServerDetails & { id: string }> {
    const [found, ...others] = await this.#parts.nova.serversNamed(vm);
    if (!found) {
      throw new DroverError('server-unknown', `Nova knows no server ${vm}; GET /v1/servers?name=GLOB looks for one`);
    }
    if (others.length === 0) return found;
    const which = [found, ...others].map(({ id, host, projectId }) => `${id} (host ${host}, project ${projectId})`);
    throw new DroverError(
      'server-ambiguous',
      `${which.length} servers are called ${vm}, name one by its id: ${which.join(', ')}`,
    );
  }

  /** A Keystone user gets no more than their own rights, as through the compute API. */
  async #caller(
    vmUuid: string,
    { name, role, keystone }: Asker,
  ): Promise<{ userId: string; roles: string[]; mayUnlock: boolean }> {
    if (!keystone) return { userId: name, roles: [], mayUnlock: role === 'admin' };
    const { nova, liveMigrateRoles } = this.#parts;
    const [caller, visible] = await Promise.all([
      nova.caller(keystone.token),
      nova.visible(keystone.token, vmUuid, MICROVERSION),
    ]);
    if (!caller) throw new DroverError('unauthenticated', 'the Keystone token is not valid any more');
    if (!visible) throw new DroverError('server-unknown', `${name} sees no server ${vmUuid}`);
    if (!caller.roles.some((each) => liveMigrateRoles.includes(each))) {
      const text = `${name} has none of the roles ${liveMigrateRoles.join(', ')}, without which Nova takes no live migration`;
      throw new DroverError('forbidden', text);
    }
    return { userId: caller.userId, roles: caller.roles, mayUnlock: caller.roles.includes(ADMINISTRATOR) };
  }

  /** @throws DroverError `migration-unknown`, `migration-ended`, `forbidden`. */
  async #changeable(id: number, { name, role }: Asker): Promise<Entry> {
    const entry = this.#parts.queue.get(id);
    if (!entry) {
      const stored = await this.#parts.store.get(id);
      if (!stored) throw new DroverError('migration-unknown', `no migration ${id}; \`drover queue --all\` lists them`);
      if (isFinal(stored.state)) throw new DroverError('migration-ended', `migration ${id} is ${stored.state} already`);
      throw new DroverError('not-leader', 'another replica leads: ask there');
    }
    if (!mayActAs(role, 'operate') && entry.asked?.client !== name) {
      throw new DroverError(
        'forbidden',
        `migration ${id} was not asked for by ${JSON.stringify(name)}: that takes the role "operate"`,
      );
    }
    if (entry.state === 'received') {
      throw new DroverError('migration-not-begun', `migration ${id} is being decided right now: ask again in a second`);
    }
    return entry;
  }
}

function refused({ code, text }: { code: string; text: string }, vmUuid: string): DroverError {
  if (code === 'destination-refused') return new DroverError('destination-refused', text);
  return new DroverError('server-busy', `server ${vmUuid} cannot be migrated now: ${text} [${code}]`);
}
