/** What one client, and all of them together, may take of a listener. Documented in docs/http.md. */
export interface Limits {
  /** Bytes of a request's head: request line and headers. */
  readonly headBytes: number
  /** Header fields of a request. */
  readonly headers: number
  /** Milliseconds for a request's head to arrive. */
  readonly headersTimeout: number
  /** Milliseconds for a whole request to arrive; it has no body worth waiting for. */
  readonly requestTimeout: number
  /** How often, in milliseconds, connections are looked through for those two. */
  readonly checkInterval: number
  /** Milliseconds a connection may stay idle between requests. */
  readonly idleTimeout: number
  /** Milliseconds in which a client has to take something of what is sent to it; else its connection is closed. */
  readonly sendTimeout: number
  /** Milliseconds for a TLS handshake, on the secure listener. */
  readonly handshakeTimeout: number
  /** Connections to one listener; more are closed at once. */
  readonly connections: number
  /** Package requests under way; more are answered 503. */
  readonly packages: number
  /** Requests begun on one connection and not yet answered; what is behind them is not read. */
  readonly maxPipelined: number
  /**
   * Bytes read and not yet used up, on all connections of a listener: requests behind others, heads that have not ended,
   * bodies. A connection that would hold more is closed. In memory they take about three times as much.
   */
  readonly maxHeldBytes: number
}

/** The limits in force. */
export const limits: Limits = {
  headBytes: 16 * 1024,
  headers: 128,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  checkInterval: 5000,
  idleTimeout: 75_000,
  sendTimeout: 60_000,
  handshakeTimeout: 10_000,
  connections: 8192,
  packages: 4096,
  maxPipelined: 16,
  maxHeldBytes: 16 * 1024 * 1024
}
