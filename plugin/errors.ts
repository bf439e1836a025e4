/** Every error of the plugin: a code for machines, an HTTP status for the control API, and a text that says what to do. */
const CATALOGUE = {
  'config-invalid': { status: 500, retryable: false },
  'not-leader': { status: 503, retryable: true },
  'store-unavailable': { status: 503, retryable: true },
  'hostd-unreachable': { status: 502, retryable: true },
  'hostd-refused': { status: 502, retryable: false },
  'hostd-answer-invalid': { status: 502, retryable: false },
  'migration-unknown': { status: 404, retryable: false },
  'server-unknown': { status: 404, retryable: false },
  'policy-missing': { status: 409, retryable: true },
  'request-invalid': { status: 400, retryable: false },
  unauthenticated: { status: 401, retryable: false },
  forbidden: { status: 403, retryable: false },
  'too-many-attempts': { status: 429, retryable: true },
  'keystone-unreachable': { status: 502, retryable: true },
  'route-unknown': { status: 404, retryable: false },
  'method-not-allowed': { status: 405, retryable: false },
  'body-too-large': { status: 413, retryable: false },
  internal: { status: 500, retryable: false },
  'server-ambiguous': { status: 409, retryable: false },
  'server-busy': { status: 409, retryable: true },
  'destination-refused': { status: 409, retryable: false },
  'priority-refused': { status: 403, retryable: false },
  'deadline-refused': { status: 409, retryable: false },
  'migration-ended': { status: 409, retryable: false },
  'migration-in-post-copy': { status: 409, retryable: false },
  'migration-not-begun': { status: 409, retryable: true },
  'nova-refused': { status: 409, retryable: false },
  'too-many-streams': { status: 503, retryable: true },
  'idempotency-key-reused': { status: 422, retryable: false },
} as const;

export type DroverErrorCode = keyof typeof CATALOGUE;

export class DroverError extends Error {
  readonly code: DroverErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  /** Of the answer of the control API. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: DroverErrorCode,
    message: string,
    { cause, headers = {} }: { cause?: unknown; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.headers = headers;
    this.name = 'DroverError';
    this.code = code;
    this.status = CATALOGUE[code].status;
    this.retryable = CATALOGUE[code].retryable;
  }
}

/** The text of anything thrown, with the causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  const why = describeError(error.cause);
  return error.message.includes(why) ? error.message : `${error.message}: ${why}`;
}
