import { Context, type Duration, type Effect, Layer, type Scope, type Stream } from "effect"
import type { ClusterLocation } from "./ClusterLocation.ts"
import * as NodeApiServer from "./internal/connection/NodeApiServer.ts"
import type { KubernetesError } from "./KubernetesError.ts"

export interface ApiRequest {
  readonly method: "GET" | "POST"
  /** An absolute path, encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** A response of any status. */
export interface ApiResponse {
  readonly status: number
  /** The Retry-After header. */
  readonly retryAfter: Duration.Duration | undefined
  /** Can be consumed once. Backpressured: a slow consumer pauses the server. */
  readonly body: Stream.Stream<Uint8Array, KubernetesError>
}

/** Authenticated requests to one API server. `KubernetesApi` needs nothing else. */
export class ApiServer extends Context.Service<
  ApiServer,
  {
    /**
     * Sends a request and returns the response of any status when its head has arrived. The end of the scope closes the
     * connection unless the body was read to its end. Fails with `Unreachable` without a response.
     */
    readonly send: (request: ApiRequest) => Effect.Effect<ApiResponse, KubernetesError, Scope.Scope>
  }
>()("@registry-packages-proxy/kubernetes/ApiServer") {
  /**
   * Sends requests over HTTPS by node-net. Reads and connects nothing before the first request, and reads files again
   * after they change or fail. `variables` are the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY apply unless the
   * kubeconfig has a `proxy-url`.
   */
  static readonly layerNode = (
    location: ClusterLocation,
    variables: Readonly<Record<string, string | undefined>> = {}
  ): Layer.Layer<ApiServer> => Layer.effect(ApiServer, NodeApiServer.make(location, variables))
}
