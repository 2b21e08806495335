import { Context, type Effect, type Scope, type Stream } from "effect"
import type { KubernetesError } from "./KubernetesError.ts"

export interface ApiRequest {
  readonly method: "GET" | "POST"
  /** An absolute path, encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** An answer of any status. */
export interface ApiResponse {
  readonly status: number
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfter: number | undefined
  /** Read as it is asked for: a consumer that waits holds the server back. To be consumed once. */
  readonly body: Stream.Stream<Uint8Array, KubernetesError>
}

/** Authenticated requests to one API server. Everything that `KubernetesApi` promises is built on this alone. */
export class ApiServer extends Context.Service<
  ApiServer,
  {
    /**
     * Sends a request; succeeds with the answer's head, whatever its status. With the scope the answer is given up: its
     * connection is closed unless the body was read to its end. Fails with `Unreachable` where there is no answer.
     */
    readonly send: (request: ApiRequest) => Effect.Effect<ApiResponse, KubernetesError, Scope.Scope>
  }
>()("@registry-packages-proxy/kubernetes/ApiServer") {}
