/**
 * What can go wrong between a client and Nova. `upstream-unreachable` and `upstream-busy` mean that Nova did not get the
 * request; after
 * `upstream-interrupted`, `upstream-timeout` and `answer-invalid` it may have carried it out.
 */
const CATALOGUE = {
  'request-invalid': { status: 400, fault: 'badRequest', retryable: false },
  'request-timeout': { status: 408, fault: 'requestTimeout', retryable: true },
  'body-too-large': { status: 413, fault: 'overLimit', retryable: false },
  'target-too-long': { status: 414, fault: 'badRequest', retryable: false },
  'head-too-large': { status: 431, fault: 'badRequest', retryable: false },
  'encoding-unsupported': { status: 501, fault: 'notImplemented', retryable: false },
  'version-unsupported': { status: 505, fault: 'notImplemented', retryable: false },
  'clients-too-many': { status: 503, fault: 'serviceUnavailable', retryable: true },
  'upstream-unreachable': { status: 503, fault: 'serviceUnavailable', retryable: true },
  'upstream-busy': { status: 503, fault: 'serviceUnavailable', retryable: true },
  'upstream-interrupted': { status: 502, fault: 'badGateway', retryable: true },
  'answer-invalid': { status: 502, fault: 'badGateway', retryable: false },
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
