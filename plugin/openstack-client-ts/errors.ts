import { WITHHELD } from './guarded.ts';

/**
 * Every error of this client. `unreachable` means that no connection came about and so nothing was executed; `withheld`
 * that the request was not to be sent any more, and was not;
 * `interrupted` and `timeout` leave open whether the service carried out what was asked.
 */
const CATALOGUE = {
  unreachable: { retryable: true },
  withheld: { retryable: false },
  interrupted: { retryable: true },
  timeout: { retryable: true },
  cancelled: { retryable: false },
  redirected: { retryable: false },
  'answer-invalid': { retryable: false },
  'catalogue-incomplete': { retryable: false },
  'bad-request': { retryable: false },
  unauthorized: { retryable: false },
  forbidden: { retryable: false },
  'not-found': { retryable: false },
  'version-unsupported': { retryable: false },
  conflict: { retryable: true },
  overloaded: { retryable: true },
  'server-error': { retryable: true },
} as const;

export type OpenStackErrorCode = keyof typeof CATALOGUE;

export class OpenStackError extends Error {
  readonly code: OpenStackErrorCode;
  /** HTTP status of the service's answer, null where there was none. */
  readonly status: number | null;
  readonly retryable: boolean;

  constructor(code: OpenStackErrorCode, message: string, options?: { status?: number; cause?: unknown }) {
    super(message, options && 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'OpenStackError';
    this.code = code;
    this.status = options?.status ?? null;
    this.retryable = CATALOGUE[code].retryable;
  }
}

const BY_STATUS: Record<number, OpenStackErrorCode> = {
  400: 'bad-request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  406: 'version-unsupported',
  409: 'conflict',
  413: 'overloaded',
  429: 'overloaded',
  502: 'overloaded',
  503: 'overloaded',
  504: 'overloaded',
};

/** The code that stands for an HTTP status which is not a success. */
export function codeOfStatus(status: number): OpenStackErrorCode {
  if (status >= 300 && status < 400) return 'redirected';
  return BY_STATUS[status] ?? (status >= 500 ? 'server-error' : 'bad-request');
}

/** No packet of the request left this machine, or no connection was made. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Turns what axios throws into an OpenStackError; `call` names the request for the operator. */
export function fromTransport(call: string, thrown: unknown): OpenStackError {
  const { code, syscall, message } = describe(thrown);
  const text = `${call}: ${message}`;
  if (code === 'ERR_CANCELED') return new OpenStackError('cancelled', `${call}: cancelled`, { cause: thrown });
  if (code === WITHHELD) return new OpenStackError('withheld', text, { cause: thrown });
  if (NEVER_CONNECTED.has(code) || (code === 'ETIMEDOUT' && syscall === 'connect')) {
    return new OpenStackError('unreachable', `${text}; is the service up and the URL right?`, { cause: thrown });
  }
  if (code === 'ECONNABORTED' || code === 'ETIMEDOUT') return new OpenStackError('timeout', text, { cause: thrown });
  return new OpenStackError('interrupted', text, { cause: thrown });
}

function describe(thrown: unknown): { code: string; syscall: string; message: string } {
  const seen = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Record<string, unknown>;
  const cause = (typeof seen.cause === 'object' && seen.cause !== null ? seen.cause : {}) as Record<string, unknown>;
  return {
    code: String(seen.code ?? cause.code ?? ''),
    syscall: String(seen.syscall ?? cause.syscall ?? ''),
    message: String(seen.message ?? thrown) || String(seen.code ?? 'connection failed'),
  };
}
