/** What one client, and all of them together, may take of a listener. Documented in docs/http.md. */
export const limits = {
  /** Bytes of a request's head: request line and headers. */
  headBytes: 16 * 1024,
  /** Milliseconds for a request's head to arrive. */
  headersTimeout: 10_000,
  /** Milliseconds for a whole request to arrive; it has no body worth waiting for. */
  requestTimeout: 30_000,
  /** Milliseconds a connection may stay idle between requests. */
  idleTimeout: 75_000,
  /** Connections to one listener; more are closed at once. */
  connections: 8192,
  /** Package requests under way; more are answered 503. */
  packages: 4096
} as const
