import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import type { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as BodyReader from "@registry-packages-proxy/node-net/http/BodyReader"
import { clientSpan } from "@registry-packages-proxy/node-net/http/ClientSpan"
import type { HttpResponse } from "@registry-packages-proxy/node-net/http/HttpConnection"
import { Duration, Effect, type Scope, Stream } from "effect"
import type { ApiRequest, ApiResponse } from "../../ApiRequest.ts"
import type { ClusterLocation } from "../../ClusterLocation.ts"
import * as ClusterAccess from "./ClusterAccess.ts"
import * as NodeConnections from "./NodeConnections.ts"
import { type KubernetesError, unreachable } from "../../KubernetesError.ts"
import { TraceHeaders } from "../../TraceHeaders.ts"

/** The number of bytes of a response that are buffered before its connection is paused. */
const readAhead = 64 * 1024

const explain =
  ({ server }: ClusterAccess.ServerAccess) =>
  ({ detail }: ConnectionFailure): KubernetesError =>
    unreachable(`the API server at ${server.host} cannot be reached: ${detail}`)

const retryAfterOf = (header: string | undefined): Duration.Duration | undefined =>
  header !== undefined && /^\d{1,6}$/.test(header) ? Duration.seconds(Number(header)) : undefined

/** Makes the `ApiServer` that `ApiServer.layerNode` provides. */
export const make = Effect.fnUntraced(function* (location: ClusterLocation, env: EnvironmentVariables) {
  const cluster = yield* ClusterAccess.make(location)
  const connections = yield* NodeConnections.make(env)

  const attempt = Effect.fnUntraced(function* (
    request: ApiRequest
  ): Effect.fn.Return<
    { readonly response: HttpResponse; readonly access: ClusterAccess.ServerAccess },
    KubernetesError,
    Scope.Scope
  > {
    const access = yield* cluster.access
    const traceHeaders = yield* TraceHeaders
    const { hostname, port, protocol } = access.server
    const traced = { method: request.method, url: { hostname, port, protocol, pathname: request.path } }
    const response = yield* clientSpan(traced, (span) => {
      const headers = { ...access.headers, ...traceHeaders(span) }
      return Effect.mapError(connections.send({ ...access, headers }, request), explain(access))
    })
    return { response, access }
  })

  const respond = ({ access, response }: Effect.Success<ReturnType<typeof attempt>>): ApiResponse => ({
    status: response.status,
    retryAfter: retryAfterOf(response.headers["retry-after"]),
    body: Stream.scoped(Stream.fromPull(BodyReader.open(response.body, { readAhead }))).pipe(
      Stream.mapError(explain(access))
    )
  })

  return {
    send: Effect.fnUntraced(function* (request: ApiRequest) {
      const first = yield* attempt(request)
      if (first.response.status !== 401) return respond(first)
      // The token file may have changed since it was read.
      yield* cluster.invalidate
      const again = yield* cluster.access
      if (again.headers["authorization"] === first.access.headers["authorization"]) return respond(first)
      return respond(yield* attempt(request))
    })
  }
})
