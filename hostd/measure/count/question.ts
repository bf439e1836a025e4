import { Netlink } from '../../native.ts';
import { EINTR, type VisitMessage, visitPart } from './netlink.ts';

const ATTEMPTS = 3;

/** Questions to one family of netlink. The kernel makes the answer while it is read, so nothing here waits. */
export class Questioner {
  readonly #family: number;
  #socket: Netlink | null = null;
  #sequence = 0;

  /** 0: interfaces and routes (rtnetlink). 12: netfilter. */
  constructor(family: 0 | 12) {
    this.#family = family;
  }

  /**
   * Asks, visits all messages of the answer and returns its errno, 0 if all is well. A dump that something changed
   * meanwhile (NLM_F_DUMP_INTR) is read again: `visit` may see the same object more than once.
   * @throws HostdError `system-call-failed` if the socket fails.
   */
  ask(question: (sequence: number) => Buffer, visit: VisitMessage): number {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { interrupted, errno } = this.#ask(question, visit);
      if (errno !== 0) return errno;
      if (!interrupted) return 0;
    }
    return EINTR;
  }

  #ask(question: (sequence: number) => Buffer, visit: VisitMessage): { interrupted: boolean; errno: number } {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const message = question(this.#sequence);
    const isDump = (message.readUInt16LE(6) & 0x300) === 0x300;
    this.#socket ??= new Netlink(this.#family);
    try {
      this.#socket.send(message);
      let interrupted = false;
      for (;;) {
        const state = visitPart(this.#socket.receive(), this.#sequence, visit);
        interrupted ||= state.interrupted;
        if (state.done || !isDump) return { interrupted, errno: state.errno };
      }
    } catch (error) {
      // The rest of an answer would be taken for that to the next question.
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}
