export interface ProxyLimits {
  /** A server action's body is read whole before it goes on; a longer one is refused. Nova's own limit is 112 KiB. */
  actionBodyBytes: number;
  /** Nova's answer to a live migration, which is kept whole. */
  answerBytes: number;
  /** Request line and header, both ways; also the trailer. */
  headerBytes: number;
  /** Header fields of one message. */
  headerFields: number;
  /** At once; one more gets 503. */
  clientConnections: number;
  /** To each upstream; more requests than that wait, at most for the time below it; then they get 503. */
  upstreamConnections: number;
  upstreamQueueMs: number;
  upstreamConnectMs: number;
  /** Silence of Nova's. Its own longest wait is `long_rpc_timeout`, 1800 s. */
  upstreamAnswerMs: number;
  /** A kept connection without a request is closed after this time: before Nova's server would. */
  upstreamKeepAliveMs: number;
  /** A client must have sent its header, and its whole request, in these times. */
  clientHeaderMs: number;
  clientRequestMs: number;
  clientKeepAliveMs: number;
  /** A client that takes nothing of its answer for this long is cut off. */
  clientStalledMs: number;
  /** A client that has closed its half still gets an answer that comes within this time; then it counts as gone. */
  clientHalfClosedMs: number;
}

export const DEFAULT_LIMITS: ProxyLimits = {
  actionBodyBytes: 1024 * 1024,
  answerBytes: 1024 * 1024,
  headerBytes: 64 * 1024,
  headerFields: 4096,
  clientConnections: 8192,
  upstreamConnections: 256,
  upstreamQueueMs: 30_000,
  upstreamConnectMs: 5000,
  upstreamAnswerMs: 1_860_000,
  upstreamKeepAliveMs: 4000,
  clientHeaderMs: 60_000,
  clientRequestMs: 300_000,
  clientKeepAliveMs: 75_000,
  clientStalledMs: 300_000,
  clientHalfClosedMs: 10_000,
};
