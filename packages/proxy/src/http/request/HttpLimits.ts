import { Duration } from "effect"

/** The limits of a listener, per connection and in total. Documented in docs/http.md. */
export interface HttpLimits {
  /** Maximum number of bytes in a request's head (request line and headers). */
  readonly maxHeadBytes: number
  /** Maximum number of header fields of a request. */
  readonly maxHeaders: number
  /**
   * Maximum time until a request's head has arrived. For the first request of a connection, the time begins when the
   * connection opens. For each further request, it begins with the request's first byte.
   */
  readonly headersTimeout: Duration.Duration
  /**
   * Maximum time until a whole request has arrived. For the first request of a connection, the time begins when the
   * connection opens. For each further request, it begins with the request's first byte.
   */
  readonly requestTimeout: Duration.Duration
  /** Interval at which `headersTimeout` and `requestTimeout` are checked. */
  readonly checkInterval: Duration.Duration
  /** Maximum time that a connection may be idle between requests. */
  readonly idleTimeout: Duration.Duration
  /** Time after which a connection is closed if the client accepts no byte of a response. */
  readonly sendTimeout: Duration.Duration
  /** Maximum time for a TLS handshake, on the secure listener. */
  readonly handshakeTimeout: Duration.Duration
  /** Maximum number of connections to one listener. Further connections are closed immediately. */
  readonly maxConnections: number
  /**
   * Maximum number of package requests in progress on all listeners together. Further requests are answered with 503.
   */
  readonly maxPackages: number
  /**
   * Maximum number of unanswered requests on one connection. Further requests are not read until earlier ones are
   * answered.
   */
  readonly maxPipelined: number
  /**
   * Maximum number of request bytes that all connections of a listener buffer together. These are bytes of pipelined
   * requests, incomplete heads and bodies. A connection that would exceed the limit is closed. Each buffered byte takes
   * about three bytes of memory.
   */
  readonly maxBufferedBytes: number
}

/** The limits of the program's listeners. */
export const httpLimits: HttpLimits = {
  maxHeadBytes: 16 * 1024,
  maxHeaders: 128,
  headersTimeout: Duration.seconds(10),
  requestTimeout: Duration.seconds(30),
  checkInterval: Duration.seconds(5),
  idleTimeout: Duration.seconds(75),
  sendTimeout: Duration.seconds(60),
  handshakeTimeout: Duration.seconds(10),
  maxConnections: 8192,
  maxPackages: 4096,
  maxPipelined: 16,
  maxBufferedBytes: 16 * 1024 * 1024
}
