import type { Duration, Stream } from "effect"
import type { KubernetesError } from "./KubernetesError.ts"

/** A request to an API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST"
  /** An absolute path, percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** The response of an API server, with any HTTP status. */
export interface ApiResponse {
  readonly status: number
  /** The Retry-After header. Undefined if the header is missing or is not a number of seconds. */
  readonly retryAfter: Duration.Duration | undefined
  /** Can be consumed once. Backpressured, so that a slow consumer pauses the connection. */
  readonly body: Stream.Stream<Uint8Array, KubernetesError>
}
