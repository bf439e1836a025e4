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
  'idempotency-key-reused': { status: 422, retryable: false },
} as const;

export type DroverErrorCode = keyof typeof CATALOGUE;

export class DroverError extends Error {
  readonly code: DroverErrorCode;
  readonly status: number;
  readonly retryable: boolean;

  constructor(code: DroverErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
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
