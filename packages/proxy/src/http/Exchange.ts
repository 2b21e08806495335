import type { CacheResult } from "@registry-packages-proxy/digest-cache/DigestCache"

/** The paths there are. */
export type KnownRoute = "package" | "healthz" | "readyz" | "metrics"

/** The paths there are, and all others as one: the only values a label or a log's route may take. */
export type Route = KnownRoute | "unknown"

/** What is learned about one request while it is answered, for its log line and its metrics. */
export interface Exchange {
  readonly requestId: string
  readonly route: Route
  /** Body bytes handed to the connection. */
  bytes: number
  cache: CacheResult | undefined
  /** The registry that was asked. */
  upstream: string | undefined
  /** The response began and could not be completed. */
  aborted: boolean
}
