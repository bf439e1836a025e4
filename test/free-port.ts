import { createServer } from 'node:net';

/**
 * For a server that is started on a port of its own, perhaps again and again: below those that the kernel gives to
 * connections (ip_local_port_range, from 32768), or any connection on the machine may have it by the next start.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((done) => {
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => done(true));
    });
    if (!free) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
}
