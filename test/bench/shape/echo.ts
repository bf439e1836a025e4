/**
 * Round trips of one byte over one TCP connection to a server that echoes, as a JSON list of milliseconds:
 * `ip netns exec NAME node echo.ts ADDRESS PORT ROUNDS`.
 */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const BETWEEN_MS = 20;

const [address = '', port, rounds] = process.argv.slice(2);
const socket = createConnection({ host: address, port: Number(port), noDelay: true });
await once(socket, 'connect');
const times: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const from = performance.now();
  socket.write('x');
  await once(socket, 'data');
  times.push(performance.now() - from);
  await sleep(BETWEEN_MS);
}
socket.destroy();
console.log(JSON.stringify(times));
