import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHostClient, type HostClient } from '../../../plugin/tracker/hosts.ts';
import { makePki } from '../../lab/pki.ts';

const dir = mkdtempSync(join(tmpdir(), 'drover-hosts-'));
const deleted: string[] = [];
/** Connections are closed instead of an answer: the first so many times. */
let closes = 0;
let server: Server;
let client: HostClient;

beforeAll(async () => {
  await makePki(dir, { hosts: [{ name: 'compute-1', address: '127.0.0.1' }], clients: ['plugin'] });
  const file = (name: string) => join(dir, name);
  server = createServer(
    { cert: readFileSync(file('compute-1.crt')), key: readFileSync(file('compute-1.key')) },
    (request, response) => {
      if (closes > 0) {
        closes -= 1;
        request.socket.destroy();
        return;
      }
      deleted.push(request.url ?? '');
      response.writeHead(204).end();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tls = { ca: file('ca.crt'), cert: file('plugin.crt'), key: file('plugin.key') };
  client = createHostClient('compute-1', url, tls, () => 7);
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

it('asks hostd once more where it closed a kept connection just then', async () => {
  await client.deleteLease('migration-1');
  closes = 1;
  await client.deleteLease('migration-2');
  expect(deleted).toEqual(['/v1/leases/migration-1?fence=7', '/v1/leases/migration-2?fence=7']);
});

it('says that hostd is not reached where a new connection is closed as well', async () => {
  closes = 2;
  await expect(client.deleteLease('migration-3')).rejects.toMatchObject({ code: 'hostd-unreachable' });
  expect(closes).toBe(0);
});
