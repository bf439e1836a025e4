/**
 * Puts frames on an interface of the network namespace that it runs in, byte for byte as they are (packet(7)):
 * `node transmit.ts DEVICE`, one frame a line in hexadecimal on standard input, a line of its count for each.
 */
import { createInterface } from 'node:readline';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const nameToIndex = libc.func('unsigned int if_nametoindex(const char *name)');
const sendto = libc.func('int64_t sendto(int fd, const void *b, size_t n, int flags, const void *to, uint32_t size)');
const strerror = libc.func('const char *strerror(int code)');

const AF_PACKET = 17;
const SOCK_RAW = 3;

function failure(what: string): Error {
  return new Error(`${what}: ${strerror(koffi.errno())}`);
}

if (import.meta.main) {
  const device = process.argv[2] ?? '';
  const index = nameToIndex(device);
  if (index === 0) throw failure(device);
  // Protocol 0: nothing is received.
  const fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) throw failure('socket(AF_PACKET)');
  // struct sockaddr_ll: only the interface is looked at, the frame has its addresses itself.
  const to = Buffer.alloc(20);
  to.writeUInt16LE(AF_PACKET, 0);
  to.writeInt32LE(index, 4);
  let sent = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const bytes = Buffer.from(line, 'hex');
    if (Number(sendto(fd, bytes, bytes.length, 0, to, to.length)) !== bytes.length) throw failure('sendto');
    sent += 1;
    process.stdout.write(`${sent}\n`);
  }
}
