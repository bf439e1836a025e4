/** Every error of hostd: a code for machines, an HTTP status, whether the same call may succeed later, and a text that says what to do. */
const CATALOGUE = {
  'config-invalid': { status: 500, retryable: false },
  'request-invalid': { status: 400, retryable: false },
  forbidden: { status: 403, retryable: false },
  'body-too-large': { status: 413, retryable: false },
  'method-not-allowed': { status: 405, retryable: false },
  'route-unknown': { status: 404, retryable: false },
  'lease-unknown': { status: 404, retryable: false },
  'lease-held': { status: 409, retryable: false },
  'lease-fenced': { status: 409, retryable: false },
  'lease-rates-invalid': { status: 422, retryable: false },
  'qdisc-foreign': { status: 409, retryable: false },
  'too-many-streams': { status: 503, retryable: true },
  'already-running': { status: 500, retryable: false },
  'device-missing': { status: 503, retryable: true },
  'shape-failed': { status: 500, retryable: true },
  'system-call-failed': { status: 500, retryable: true },
  'command-failed': { status: 500, retryable: true },
  'sample-unavailable': { status: 503, retryable: true },
  'state-unwritable': { status: 507, retryable: true },
  starting: { status: 503, retryable: true },
  stopping: { status: 503, retryable: true },
  internal: { status: 500, retryable: false },
} as const;

export type HostdErrorCode = keyof typeof CATALOGUE;

export class HostdError extends Error {
  readonly code: HostdErrorCode;
  readonly status: number;
  readonly retryable: boolean;

  constructor(code: HostdErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HostdError';
    this.code = code;
    this.status = CATALOGUE[code].status;
    this.retryable = CATALOGUE[code].retryable;
  }
}

/** The text of anything thrown, with the causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}
