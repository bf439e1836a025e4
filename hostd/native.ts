import koffi from 'koffi';
import { HostdError } from './errors.ts';

/**
 * The few system calls that Node does not offer, from the C library. Starting a program for each would cost more than
 * all else that hostd does: reading 2,000 nftables counters takes `nft` 25 ms and netlink 2 ms.
 */
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const send = libc.func('int64_t send(int fd, const void *bytes, size_t length, int flags)');
const sendto = libc.func('int64_t sendto(int fd, const void *b, size_t n, int flags, const void *to, uint32_t size)');
const recv = libc.func('int64_t recv(int fd, _Out_ void *bytes, size_t length, int flags)');
const close = libc.func('int close(int fd)');
const clockGettime = libc.func('int clock_gettime(int clock, _Out_ int64_t *time)');
const adjtimex = libc.func('int adjtimex(_Inout_ void *timex)');
const flock = libc.func('int flock(int fd, int operation)');
const madvise = libc.func('int madvise(uint64_t start, size_t length, int advice)');
const strerror = libc.func('const char *strerror(int code)');

const AF_UNIX = 1;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_BOOTTIME = 7;
const LOCK_EXCLUSIVE_NOW = 2 | 4;
const MADV_DONTNEED = 4;

/** A datagram socket to one family of the kernel's netlink, e.g. 12 for netfilter (linux/netlink.h). */
export class Netlink {
  readonly #fd: number;
  /** The kernel sends parts of at most 32 KiB (netlink_recvmsg in net/netlink/af_netlink.c). */
  readonly #buffer = Buffer.allocUnsafe(65_536);

  constructor(family: number) {
    this.#fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (this.#fd < 0) throw failure('socket(AF_NETLINK)');
  }

  send(message: Buffer): void {
    if (send(this.#fd, message, message.length, MSG_DONTWAIT) < 0) throw failure('Cannot write to netlink');
  }

  /** The next part of the answer; it is overwritten by the next call. The kernel answers before `send` returns. */
  receive(): Buffer {
    const length = Number(recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT));
    if (length < 0) throw failure('Cannot read from netlink');
    return this.#buffer.subarray(0, length);
  }

  close(): void {
    close(this.#fd);
  }
}

/** Milliseconds since the host's start, those in which it was suspended included; `performance.now()` leaves them out. */
export function bootTimeMs(): number {
  const time = new BigInt64Array(2);
  if (clockGettime(CLOCK_BOOTTIME, time) !== 0) throw failure('clock_gettime(CLOCK_BOOTTIME)');
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}

const TIMEX_BYTES = 208;
const TIMEX_MAXERROR = 24;
const TIME_ERROR = 5;

/** The kernel's word on the system clock (adjtimex(2)); unsynchronised clocks have an error of 16 s there and growing. */
export function clockState(): { synchronised: boolean; maxErrorMs: number } {
  const timex = Buffer.alloc(TIMEX_BYTES);
  const state = adjtimex(timex);
  if (state < 0) throw failure('adjtimex');
  return { synchronised: state !== TIME_ERROR, maxErrorMs: Number(timex.readBigInt64LE(TIMEX_MAXERROR)) / 1000 };
}

/** Locks an open file for this process; the kernel frees it with the process. False: another one holds it. */
export function lockNow(fd: number): boolean {
  return flock(fd, LOCK_EXCLUSIVE_NOW) === 0;
}

/**
 * Takes pages out of this process (madvise(2), MADV_DONTNEED): those of an unchanged mapping of a file come back from the
 * page cache when they are touched, all others would be lost.
 */
export function unmapFilePages(start: bigint, lengthBytes: number): void {
  if (madvise(start, lengthBytes, MADV_DONTNEED) !== 0) throw failure('madvise');
}

/** Sends one datagram to a unix socket: a path, or an abstract name that begins with `@` (sd_notify(3)). */
export function sendDatagram(path: string, text: string): void {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure('socket(AF_UNIX)');
  try {
    const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
    const bytes = Buffer.from(text);
    if (sendto(fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT, address, address.length) < 0) {
      throw failure(`Cannot write to ${path}`);
    }
  } finally {
    close(fd);
  }
}

function failure(what: string): HostdError {
  const code = koffi.errno();
  return new HostdError('system-call-failed', `${what}: ${strerror(code)} (errno ${code})`);
}
