import { Context, type Effect, Layer, type Scope } from "effect"
import type { ApiRequest, ApiResponse } from "./ApiRequest.ts"
import type { ClusterLocation } from "./ClusterLocation.ts"
import * as NodeApiServer from "./internal/connection/NodeApiServer.ts"
import type { KubernetesError } from "./KubernetesError.ts"

/** Sends authenticated requests to one API server. `KubernetesApi` needs no other service. */
export class ApiServer extends Context.Service<
  ApiServer,
  {
    /**
     * Sends a request. Completes when the response head has arrived, for any HTTP status. The end of the scope closes
     * the connection unless the body was read to its end. Fails with `Unreachable` if no response arrives.
     */
    readonly send: (request: ApiRequest) => Effect.Effect<ApiResponse, KubernetesError, Scope.Scope>
  }
>()("@registry-packages-proxy/kubernetes/ApiServer") {
  /**
   * Sends requests with node-net, over HTTPS or (if the kubeconfig's server has an `http:` URL) HTTP. Reads no file and
   * opens no connection before the first request. Reads files again after they change and after an error. `variables`
   * are the environment variables: HTTP_PROXY, HTTPS_PROXY and NO_PROXY apply unless the kubeconfig has a `proxy-url`.
   */
  static readonly layerNode = (
    location: ClusterLocation,
    variables: Readonly<Record<string, string | undefined>> = {}
  ): Layer.Layer<ApiServer> => Layer.effect(ApiServer, NodeApiServer.make(location, variables))
}
