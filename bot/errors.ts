/** Where in the text a mistake is: UTF-16 places, `end` is behind it. */
export interface Span {
  start: number;
  end: number;
}

/** What somebody typed cannot be understood; the text says what to write instead. */
export class CommandError extends Error {
  readonly span: Span;

  constructor(message: string, span: Span) {
    super(message);
    this.name = 'CommandError';
    this.span = span;
  }
}

/** A configuration that cannot be used; the text names file, line and what to do. */
export class ConfigError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ConfigError';
  }
}

/** Of an answer that did not come. */
export const UNREACHABLE = 'control-unreachable';

/** What the control API said, or that it said nothing. */
export class ControlError extends Error {
  /** Of the control API, `control-unreachable`, or `control-answer-invalid`. */
  readonly code: string;
  /** The same may be asked again, and may then be answered otherwise. */
  readonly isPassing: boolean;

  constructor(code: string, message: string, isPassing: boolean, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ControlError';
    this.code = code;
    this.isPassing = isPassing;
  }
}

/** What became of a call of Slack's Web API that gave nothing. */
export type SlackFault =
  /** Slack wants fewer calls of this method. */
  | { kind: 'slower'; retryAfterMs: number }
  /** Slack may or may not have done it. */
  | { kind: 'unknown' }
  /** Slack said no: asking again is of no use. */
  | { kind: 'refused' };

export class SlackError extends Error {
  readonly fault: SlackFault;
  /** Of the Web API. */
  readonly method: string;
  /** Slack's word for it, e.g. `not_in_channel`; else `ratelimited` or `unreachable`. */
  readonly code: string;

  constructor(method: string, code: string, fault: SlackFault, options: { cause?: unknown } = {}) {
    super(`Slack's ${method}: ${code}`, options);
    this.name = 'SlackError';
    this.method = method;
    this.code = code;
    this.fault = fault;
  }
}

/** The text of anything thrown, with the causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  const why = describeError(error.cause);
  return error.message.includes(why) ? error.message : `${error.message}: ${why}`;
}
