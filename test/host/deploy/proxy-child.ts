/** Drover's proxy as a process of its own, which a test may kill: `node proxy-child.ts PORT UPSTREAM_PORT`. */
import { pino } from 'pino';
import { ProxyServer } from '../../../plugin/proxy/server.ts';

const [port = '0', upstreamPort = ''] = process.argv.slice(2);
const proxy = new ProxyServer({
  listen: { address: '127.0.0.1', port: Number(port) },
  upstream: `http://127.0.0.1:${upstreamPort}`,
  onLiveMigrate: async (_request, forward) => ({ kind: 'answered', answer: await forward() }),
  log: pino({ level: 'silent' }),
});
console.log((await proxy.start()).port);
