import type { Answer } from './faults.ts';
import type { Workspace } from './workspace.ts';

interface ResponseUrl {
  channel: string;
  user: string;
  usesLeft: number;
  untilMs: number;
}

const USES = 5;
const GOOD_FOR_MS = 30 * 60_000;

/** Slack's own addresses for answers to a command or click: five uses within half an hour (docs.slack.dev, handling user interaction). */
export class ResponseUrls {
  readonly #workspace: Workspace;
  readonly #known = new Map<string, ResponseUrl>();

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** The id of a new one. */
  issue(channel: string, user: string): string {
    const id = `r${this.#known.size + 1}`;
    this.#known.set(id, { channel, user, usesLeft: USES, untilMs: Date.now() + GOOD_FOR_MS });
    return id;
  }

  respond(id: string, args: Record<string, unknown>, nowMs: number): { status: number; value: Answer } {
    const known = this.#known.get(id);
    if (!known || known.untilMs < nowMs) return { status: 404, value: { ok: false, error: 'expired_url' } };
    if (known.usesLeft === 0) return { status: 404, value: { ok: false, error: 'used_url' } };
    const onlyFor = args.response_type === 'in_channel' ? null : known.user;
    const posted = this.#workspace.post(known.channel, args, onlyFor, nowMs);
    if (!posted.ok) return { status: 400, value: posted };
    known.usesLeft -= 1;
    return { status: 200, value: { ok: true } };
  }
}
