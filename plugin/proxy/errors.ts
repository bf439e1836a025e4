/**
 * What can go wrong between the proxy and Nova. `upstream-unreachable` means that Nova did not get the request; after
 * the other two it may have carried it out.
 */
const CATALOGUE = {
  'request-invalid': { status: 400, fault: 'badRequest', retryable: false },
  'encoding-unsupported': { status: 501, fault: 'notImplemented', retryable: false },
  'upstream-unreachable': { status: 503, fault: 'serviceUnavailable', retryable: true },
  'upstream-interrupted': { status: 502, fault: 'badGateway', retryable: true },
  'upstream-timeout': { status: 504, fault: 'gatewayTimeout', retryable: true },
} as const;

export type ProxyErrorCode = keyof typeof CATALOGUE;

export class ProxyError extends Error {
  readonly code: ProxyErrorCode;
  readonly status: number;
  readonly retryable: boolean;

  constructor(code: ProxyErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ProxyError';
    this.code = code;
    this.status = CATALOGUE[code].status;
    this.retryable = CATALOGUE[code].retryable;
  }
}

/** The error as an OpenStack client reads it: `{"serviceUnavailable": {"code": 503, "message": "..."}}`. */
export function faultBody(error: ProxyError): string {
  const { status, fault } = CATALOGUE[error.code];
  return JSON.stringify({ [fault]: { code: status, message: error.message } });
}

/** What undici reports, in these words. `sent`: the request had begun to go out. */
export function upstreamError(cause: Error & { code?: string }, sent: boolean): ProxyError {
  if (cause.code === 'UND_ERR_INVALID_ARG' || cause.code === 'UND_ERR_NOT_SUPPORTED') {
    return new ProxyError('request-invalid', `The request cannot be passed on: ${cause.message}.`, { cause });
  }
  if (!sent) {
    return new ProxyError('upstream-unreachable', 'The Compute API is not reachable. Please try again later.', {
      cause,
    });
  }
  if (cause.code === 'UND_ERR_HEADERS_TIMEOUT' || cause.code === 'UND_ERR_BODY_TIMEOUT') {
    return new ProxyError('upstream-timeout', 'The Compute API did not answer in time.', { cause });
  }
  return new ProxyError('upstream-interrupted', 'The connection to the Compute API was lost.', { cause });
}
