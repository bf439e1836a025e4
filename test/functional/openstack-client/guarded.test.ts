import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { OpenStackClient } from 'openstack-client-ts';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GuardedConnection, WITHHELD } from '../../../plugin/openstack-client-ts/guarded.ts';
import { makePki } from '../../lab/pki.ts';

let pki = '';
beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'drover-guarded-'));
  await makePki(pki, { hosts: [{ name: 'nova', address: '127.0.0.1' }], clients: [] });
  return () => rmSync(pki, { recursive: true });
});

/** A Nova that takes what comes and never answers; what it got, and how each connection ended. */
let got: string[];
let ends: string[];
let server: Server;

function take(socket: Socket): void {
  socket.on('data', (bytes) => got.push(bytes.toString()));
  socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? ''));
  socket.on('end', () => ends.push('end'));
}

async function listen(started: Server): Promise<number> {
  server = started;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

beforeEach(() => {
  got = [];
  ends = [];
});
afterEach(() => {
  server.close();
});

describe.each(['http', 'https'] as const)('a guarded connection for %s', (scheme) => {
  const open = () => {
    if (scheme === 'http') return listen(createServer(take));
    const tls = { cert: readFileSync(join(pki, 'nova.crt')), key: readFileSync(join(pki, 'nova.key')) };
    return listen(createTlsServer(tls, take));
  };

  function send(port: number, guarded: GuardedConnection): Promise<Error> {
    return new Promise((resolve) => {
      const to = { host: '127.0.0.1', port, method: 'POST' };
      const sent =
        scheme === 'http'
          ? request({ ...to, agent: guarded.httpAgent })
          : requestTls({ ...to, agent: guarded.httpsAgent, ca: readFileSync(join(pki, 'ca.crt')) });
      sent.on('error', resolve);
      sent.end('{}');
    });
  }

  it('sends nothing if its right was lost while it connected', async () => {
    const port = await open();
    const mayGo = () => false;
    expect(await send(port, new GuardedConnection(mayGo))).toMatchObject({ code: WITHHELD });
    expect(got).toEqual([]);
  });

  it('asks for its right when it is connected, and sends then', async () => {
    const port = await open();
    let connected = false;
    server.once(scheme === 'http' ? 'connection' : 'secureConnection', () => {
      connected = true;
    });
    const asked: boolean[] = [];
    const guarded = new GuardedConnection(() => asked.push(connected) > 0);
    const failed = send(port, guarded);
    await expect.poll(() => got.join('')).toContain('POST / HTTP/1.1');
    expect(asked).toHaveLength(1);
    guarded.reset();
    expect(await failed).toBeInstanceOf(Error);
  });

  it('takes back what is not sent yet with a reset', async () => {
    const port = await open();
    const guarded = new GuardedConnection(() => true);
    const failed = send(port, guarded);
    await expect.poll(() => got.length).toBeGreaterThan(0);
    guarded.reset();
    await failed;
    await expect.poll(() => ends).toEqual(['ECONNRESET']);
  });
});

describe('a live migration that may lose its right', () => {
  const clientOf = (port: number) => {
    const url = `http://127.0.0.1:${port}`;
    const account = { username: 'drover', password: 'secret', projectName: 'service' };
    return new OpenStackClient({ ...account, authUrl: url, computeEndpoint: url });
  };
  const body = { host: null, blockMigration: 'auto' as const };

  it('is withheld, or given up with a reset', async () => {
    const client = clientOf(await listen(createServer(take)));
    const mayNotGo = client.liveMigrate('vm', body, { as: 'token', mayGo: () => false });
    await expect(mayNotGo).rejects.toMatchObject({ code: 'withheld' });
    expect(got).toEqual([]);

    const lost = new AbortController();
    const under = client.liveMigrate('vm', body, { as: 'token', mayGo: () => true, signal: lost.signal });
    await expect.poll(() => got.join('')).toContain('os-migrateLive');
    lost.abort();
    await expect(under).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => ends.at(-1)).toBe('ECONNRESET');
  });

  it('says that nobody was there, as without it', async () => {
    const port = await listen(createServer(take));
    await new Promise((done) => server.close(done));
    const asked = clientOf(port).liveMigrate('vm', body, { as: 'token', mayGo: () => true });
    await expect(asked).rejects.toMatchObject({ code: 'unreachable' });
  });
});
