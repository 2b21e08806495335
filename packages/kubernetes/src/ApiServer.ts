import { Context, type Effect, Layer, type Scope } from "effect"
import type { ApiRequest, ApiResponse } from "./ApiRequest.ts"
import type { ClusterLocation } from "./ClusterLocation.ts"
import * as NodeApiServer from "./internal/connection/NodeApiServer.ts"
import type { KubernetesError } from "./KubernetesError.ts"

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
