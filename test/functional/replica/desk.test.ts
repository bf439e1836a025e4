import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveMigrateRequest, UpstreamAnswer, Verdict } from '../../../plugin/proxy/live-migrate.ts';
import { createDesk, type DeskParts } from '../../../plugin/replica/desk.ts';
import type { Leader } from '../../../plugin/replica/election.ts';

const VM = '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11';
const NOVA: UpstreamAnswer = { status: 202, statusMessage: 'Accepted', rawHeaders: [], body: Buffer.alloc(0) };

/** An election as a test wants it. */
class Elected {
  leader: Leader | null = null;
  leaderlessMs = 0;
  databaseReachable = true;
  peers: string[] = [];
  #watchers: (() => void)[] = [];

  leads(): boolean {
    return this.leader !== null && this.leader.address === null;
  }

  changed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#watchers.push(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  set(leader: Leader | null): void {
    this.leader = leader;
    for (const done of this.#watchers.splice(0)) done();
  }
}

let election: Elected;
let forwarded: number;
let parts: DeskParts;
/** What a leader elsewhere does with a request. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let seen: { headers: string[]; body: string; url: string }[];
let server: Server;
let address: string;

beforeEach(async () => {
  election = new Elected();
  forwarded = 0;
  seen = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.push({ headers: request.rawHeaders, body: Buffer.concat(chunks).toString(), url: request.url ?? '' });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  parts = {
    election,
    store: { handedOver: async () => null },
    handle: async () => ({ kind: 'accepted', requestId: 'req-own', microversion: '2.93' }),
    doubtful: () => false,
    requestIdOf: async () => 'req-of-nova',
    ca: null,
    log: pino({ level: 'silent' }),
  };
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function ask(more: string[] = []): Promise<Verdict> {
  const body = '{"os-migrateLive": {"host": null, "block_migration": "auto"}}';
  const request: LiveMigrateRequest = {
    ...{ serverId: VM, host: null, blockMigration: 'auto', diskOverCommit: null, force: null, microversion: '2.93' },
    rawBody: Buffer.from(body),
    token: 'token',
    clientAddress: '192.0.2.7',
    method: 'POST',
    path: `/v2.1//servers/${VM}/action`,
    rawHeaders: ['Host', 'nova', 'X-Auth-Token', 'token', 'Transfer-Encoding', 'chunked', 'x-Odd-Case', 'a', ...more],
    receivedAtMs: Date.now(),
    signal: new AbortController().signal,
  };
  const forward = async () => {
    forwarded += 1;
    return NOVA;
  };
  return createDesk(parts)(request, forward);
}

const elsewhere = (fence = 1): Leader => ({ fence, name: 'a', address });
const here = (fence = 2): Leader => ({ fence, name: 'b', address: null });
const kept = (change: object) =>
  ({
    ...{ id: 1, vmUuid: VM, vmName: 'vm', state: 'running', stateReason: null, deferred: false, novaMigrationId: 7 },
    ...{ submittedAtMs: 1, receivedAtMs: 1, request: { microversion: '2.93', requestId: 'req-kept' } },
    ...change,
  }) as unknown as Awaited<ReturnType<DeskParts['store']['handedOver']>>;

describe('desk of a follower', () => {
  beforeEach(() => election.set(elsewhere()));

  it("hands the request to the leader as it came and gives the client the leader's answer", async () => {
    answer = (_request, response) => response.writeHead(202, ['X-Compute-Request-Id', 'req-1']).end();
    const verdict = await ask();
    expect(verdict).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    expect(forwarded).toBe(0);
    const [request] = seen;
    expect(request?.url).toBe(`/v2.1//servers/${VM}/action`);
    expect(request?.body).toContain('os-migrateLive');
    const headers = request?.headers ?? [];
    const value = (name: string) => headers[headers.indexOf(name) + 1];
    expect(value('x-Odd-Case')).toBe('a');
    expect(value('Host')).toBe('nova');
    expect(value('X-Forwarded-For')).toBe('192.0.2.7');
    // A field of the hop: the leader's proxy does not send it on to Nova.
    expect(value('Connection')).toBe('close, X-Drover-Handover');
    expect(value('X-Drover-Handover')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers).not.toContain('Transfer-Encoding');
  });

  it('sends to Nova itself what the leader leaves to Nova', async () => {
    answer = (_request, response) => response.writeHead(421, { 'X-Drover-Handover': 'pass' }).end();
    expect(await ask()).toEqual({ kind: 'forward' });
  });

  it('hands it to the next leader under the same name when the first is lost with it, and never to Nova', async () => {
    answer = (request) => {
      request.socket.destroy();
      answer = (_again, response) => response.writeHead(202).end();
    };
    expect(await ask()).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    const names = seen.map(({ headers }) => headers[headers.indexOf('X-Drover-Handover') + 1]);
    expect(names).toHaveLength(2);
    expect(new Set(names).size).toBe(1);
    expect(forwarded).toBe(0);
  });

  it('gives up on a leader that is silent once another one leads', async () => {
    answer = () => election.set(here());
    expect(await ask()).toMatchObject({ kind: 'accepted', requestId: 'req-own' });
  });

  it('takes over itself, and answers for what the lost leader had given to Nova', async () => {
    parts.store.handedOver = async () => kept({});
    answer = (request) => {
      request.socket.destroy();
      election.set(here());
    };
    expect(await ask()).toMatchObject({ kind: 'accepted', requestId: 'req-of-nova' });
    parts.store.handedOver = async () => kept({ state: 'queued', deferred: true, novaMigrationId: null });
    election.set(elsewhere());
    expect(await ask()).toMatchObject({ kind: 'accepted', requestId: 'req-kept' });
    expect(forwarded).toBe(0);
  });

  it('goes to Nova at once where neither leader nor database can be reached', async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    election.databaseReachable = false;
    expect(await ask()).toEqual({ kind: 'forward' });
  });

  it('asks the others whether one leads where the database is out of reach', async () => {
    election.set(null);
    election.databaseReachable = false;
    election.peers = [address];
    answer = (_request, response) => {
      response.writeHead(421, { 'X-Drover-Handover': 'again' }).end();
      answer = (_again, second) => second.writeHead(202).end();
    };
    expect(await ask()).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    expect(seen).toHaveLength(2);
    answer = (_request, response) => response.writeHead(421, { 'X-Drover-Handover': 'again' }).end();
    election.leaderlessMs = 10_000;
    expect(await ask()).toEqual({ kind: 'forward' });
  });

  it('goes to Nova when there has been no leader for 10 s, and waits for one until then', async () => {
    election.set(null);
    election.leaderlessMs = 10_000;
    expect(await ask()).toEqual({ kind: 'forward' });
    election.leaderlessMs = 9000;
    answer = (_request, response) => response.writeHead(202).end();
    setTimeout(() => election.set(elsewhere()), 100);
    expect(await ask()).toMatchObject({ kind: 'answered' });
  });
});

describe('desk of the leader', () => {
  beforeEach(() => election.set(here()));

  it('tells a follower what it does not do, and never sends its request to Nova by itself', async () => {
    const word = (verdict: Verdict) => (verdict.kind === 'answered' ? verdict.answer.rawHeaders[1] : verdict.kind);
    const of = ['X-Drover-Handover', 'name'];
    parts.handle = async () => ({ kind: 'forward' });
    expect(word(await ask(of))).toBe('pass');
    parts.handle = async () => {
      throw new Error('the store failed');
    };
    expect(word(await ask(of))).toBe('pass');
    parts.handle = async () => {
      election.set(null);
      return { kind: 'forward' };
    };
    expect(word(await ask(of))).toBe('again');
    expect(word(await ask(of))).toBe('again');
    election.set(here());
    parts.doubtful = () => true;
    expect(word(await ask(of))).toBe('unknown');
    expect(forwarded).toBe(0);
  });

  it('does not ask Nova for a caller once it leads no more, and hands the request to the one who does', async () => {
    parts.handle = async (_request, forward) => {
      election.set(elsewhere(3));
      expect(() => forward()).toThrow('not for this replica');
      return { kind: 'forward' };
    };
    answer = (_request, response) => response.writeHead(202).end();
    expect(await ask()).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    expect(forwarded).toBe(0);
  });

  it('does not send to Nova what may have been written down as accepted: it waits for the record', async () => {
    let doubt = true;
    parts.doubtful = () => doubt;
    parts.handle = async () => {
      doubt = false;
      return { kind: 'forward' };
    };
    // Written down after all.
    parts.store.handedOver = async () => kept({ state: 'queued', deferred: true, novaMigrationId: null });
    parts.doubtful = () => true;
    expect(await ask()).toMatchObject({ kind: 'accepted', requestId: 'req-kept' });
    expect(doubt).toBe(false);
    expect(forwarded).toBe(0);
  });
});
