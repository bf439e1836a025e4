/** `pour.ts ADDRESS PORT STREAMS`: fills TCP connections for ever, and opens anew those that break. */
import { connect } from 'node:net';

const CHUNK = Buffer.alloc(256 << 10, 'x');
const RETRY_MS = 200;

function pour(host: string, port: number): void {
  const socket = connect(port, host);
  const fill = () => {
    while (socket.write(CHUNK));
  };
  socket.on('connect', fill);
  socket.on('drain', fill);
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => setTimeout(() => pour(host, port), RETRY_MS));
}

const [host = '', port = '', streams = '1'] = process.argv.slice(2);
for (let i = 0; i < Number(streams); i++) pour(host, Number(port));
