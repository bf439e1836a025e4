/** What is done with one request; ClientConnection feeds it. */
export interface Exchange {
  /** A piece of the body as it came, framing and all. */
  body(bytes: Buffer): void;
  /** The request is complete; comes once, also where it has no body. */
  complete(): void;
  /** The client takes more of the answer. */
  clientDrained(): void;
  /** Nobody waits for an answer any more: the client has gone or sent what no request is. */
  cancel(): void;
}

/** What is known of the peer. */
export interface Peer {
  address: string;
  secure: boolean;
  /** One of the operator's own proxies. */
  trusted: boolean;
}
