export interface ProxyLimits {
  /** An action's body up to this size is looked at; a larger one streams through. Nova's own are below 1 KiB. */
  actionBodyBytes: number;
  /** Nova's answer to a live migration, which is kept whole. */
  answerBytes: number;
  /** Request line and header, both ways. */
  headerBytes: number;
  upstreamConnections: number;
  upstreamConnectMs: number;
  /** Silence of Nova's. Its own longest wait is `long_rpc_timeout`, 1800 s. */
  upstreamAnswerMs: number;
  /** A client must have sent its header, and its whole request, in these times. */
  clientHeaderMs: number;
  clientRequestMs: number;
  clientKeepAliveMs: number;
}

export const DEFAULT_LIMITS: ProxyLimits = {
  actionBodyBytes: 64 * 1024,
  answerBytes: 1024 * 1024,
  headerBytes: 64 * 1024,
  upstreamConnections: 256,
  upstreamConnectMs: 5000,
  upstreamAnswerMs: 1_860_000,
  clientHeaderMs: 60_000,
  clientRequestMs: 300_000,
  clientKeepAliveMs: 75_000,
};
