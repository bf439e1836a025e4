/**
 * `pour.ts ADDRESS PORT STREAMS [MEGABITS_PER_SECOND]`: fills TCP connections for ever, each up to that rate, and opens
 * anew those that break.
 */
import { connect, type Socket } from 'node:net';

const CHUNK = Buffer.alloc(256 << 10, 'x');
const RETRY_MS = 200;
const PORTION_EVERY_MS = 20;

function pour(host: string, port: number, bitsPerSecond: number): void {
  const socket = connect(port, host);
  const stop = bitsPerSecond === Number.POSITIVE_INFINITY ? fill(socket) : drip(socket, bitsPerSecond);
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    stop();
    setTimeout(() => pour(host, port, bitsPerSecond), RETRY_MS);
  });
}

/** As much as the network takes. */
function fill(socket: Socket): () => void {
  const go = () => {
    while (socket.write(CHUNK));
  };
  socket.on('connect', go);
  socket.on('drain', go);
  return () => {};
}

/** A portion every 20 ms; what the network does not take is left out. */
function drip(socket: Socket, bitsPerSecond: number): () => void {
  const portion = Buffer.alloc(Math.round(((bitsPerSecond / 8) * PORTION_EVERY_MS) / 1000), 'x');
  const timer = setInterval(() => {
    if (!socket.connecting && socket.writableLength < portion.length) socket.write(portion);
  }, PORTION_EVERY_MS);
  return () => clearInterval(timer);
}

const [host = '', port = '', streams = '1', rate = 'Infinity'] = process.argv.slice(2);
for (let i = 0; i < Number(streams); i++) pour(host, Number(port), Number(rate) * 1e6);
