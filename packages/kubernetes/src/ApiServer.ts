import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { Context, type Effect, Layer, type Scope } from "effect"
import type { ApiRequest, ApiResponse } from "./ApiRequest.ts"
import type { ClusterLocation } from "./ClusterLocation.ts"
import * as NodeApiServer from "./internal/connection/NodeApiServer.ts"
import type { KubernetesError } from "./KubernetesError.ts"

/** Sends authenticated requests to one API server. It is the only service that `KubernetesApi.layer` needs. */
export class ApiServer extends Context.Service<
  ApiServer,
  {
    /**
     * Sends a request. Succeeds when the head of a response has arrived, with any HTTP status. Fails with `Unreachable`
     * if the connection or the credentials fail before that. Does not limit the time until a response. When the scope
     * closes, the connection is closed unless the body was read completely.
     */
    readonly send: (request: ApiRequest) => Effect.Effect<ApiResponse, KubernetesError, Scope.Scope>
  }
>()("@registry-packages-proxy/kubernetes/ApiServer") {
  /**
   * Sends requests with node-net over HTTPS, or over HTTP if the kubeconfig's server has an `http:` URL. Reads no file
   * and opens no connection before the first request. Reads changed files again, and after an error reads all files
   * again. `env` has the environment variables of the process. HTTP_PROXY, HTTPS_PROXY and NO_PROXY apply unless the
   * kubeconfig has a `proxy-url`.
   */
  static readonly layerNode = (
    location: ClusterLocation,
    env: EnvironmentVariables = {}
  ): Layer.Layer<ApiServer> => Layer.effect(ApiServer, NodeApiServer.make(location, env))
}
