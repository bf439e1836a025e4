/** Drover's proxy alone, as the bench's contender: `node drover.ts PORT UPSTREAM`. Prints its address once it listens. */
import { pino } from 'pino';
import { ProxyServer } from '../../../plugin/proxy/server.ts';

const [port = '', upstream = ''] = process.argv.slice(2);
const proxy = new ProxyServer({
  listen: { address: '127.0.0.1', port: Number(port) },
  upstream,
  onLiveMigrate: async () => ({ kind: 'forward' }),
  log: pino({ level: 'warn' }, pino.destination(2)),
});
console.log(JSON.stringify(await proxy.start()));
process.once('SIGTERM', () => {
  proxy.stop(100).then(() => process.exit(0));
});
