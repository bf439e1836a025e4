/** Sends one packet a second to each of very many addresses, evenly over the second: `node talk.ts COUNT`. */
import { createSocket } from 'node:dgram';

const SLICES = 25;
const PORT = 9;

/** The address of one VM of a crowd. */
export function crowdAddress(index: number): string {
  return `10.98.${1 + (index >> 8)}.${index & 0xff}`;
}

function talk(count: number): void {
  const socket = createSocket('udp4');
  const bytes = Buffer.alloc(400);
  let slice = 0;
  setInterval(() => {
    for (let index = slice; index < count; index += SLICES) socket.send(bytes, PORT, crowdAddress(index));
    slice = (slice + 1) % SLICES;
  }, 1000 / SLICES);
}

if (import.meta.main) talk(Number(process.argv[2]));
