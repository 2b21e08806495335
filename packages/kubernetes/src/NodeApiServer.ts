import type { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as BodyReader from "@registry-packages-proxy/node-net/http/BodyReader"
import { clientSpan } from "@registry-packages-proxy/node-net/http/ClientSpan"
import type { HttpResponse } from "@registry-packages-proxy/node-net/http/HttpConnection"
import { Effect, Layer, type Scope, Stream } from "effect"
import { type ApiRequest, type ApiResponse, ApiServer } from "./ApiServer.ts"
import type { ClusterLocation } from "./ClusterLocation.ts"
import * as ClusterAccess from "./internal/connection/ClusterAccess.ts"
import * as NodeConnections from "./internal/connection/NodeConnections.ts"
import { type KubernetesError, unreachable } from "./KubernetesError.ts"
import { TraceHeaders } from "./TraceHeaders.ts"

/** How much is taken from a connection ahead of its consumer, in bytes. */
const readAhead = 64 * 1024

const explain =
  ({ server }: ClusterAccess.Access) =>
  ({ detail }: ConnectionFailure): KubernetesError =>
    unreachable(`the API server at ${server.host} cannot be reached: ${detail}`)

const retryAfterOf = (header: string | undefined): number | undefined => {
  const seconds = header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : undefined
  return seconds === undefined ? undefined : seconds * 1000
}

/**
 * Requests over HTTPS, authenticated as the location says. Nothing is read or connected before the first request,
 * and nothing that is wrong is final: a configuration, token or certificate that is put right is taken up. `variables` are
 * those of the process: HTTP_PROXY, HTTPS_PROXY and NO_PROXY are for the API server too, unless the kubeconfig has a
 * `proxy-url`.
 */
export const layer = (
  location: ClusterLocation,
  variables: Readonly<Record<string, string | undefined>> = {}
): Layer.Layer<ApiServer> =>
  Layer.effect(
    ApiServer,
    Effect.gen(function* () {
      const cluster = yield* ClusterAccess.make(location)
      const connections = yield* NodeConnections.make(variables)

      const once = Effect.fnUntraced(function* (
        request: ApiRequest
      ): Effect.fn.Return<
        { readonly answer: HttpResponse; readonly access: ClusterAccess.Access },
        KubernetesError,
        Scope.Scope
      > {
        const access = yield* cluster.access
        const traceHeaders = yield* TraceHeaders
        const { hostname, port, protocol } = access.server
        const traced = { method: request.method, url: { hostname, port, protocol, pathname: request.path } }
        const answer = yield* clientSpan(traced, (span) => {
          const headers = { ...access.headers, ...traceHeaders(span) }
          return Effect.mapError(connections.send({ ...access, headers }, request), explain(access))
        })
        return { answer, access }
      })

      const respond = ({ access, answer }: Effect.Success<ReturnType<typeof once>>): ApiResponse => ({
        status: answer.status,
        retryAfter: retryAfterOf(answer.headers["retry-after"]),
        body: Stream.scoped(Stream.fromPull(BodyReader.open(answer.body, { readAhead }))).pipe(
          Stream.mapError(explain(access))
        )
      })

      return ApiServer.of({
        send: Effect.fnUntraced(function* (request) {
          const first = yield* once(request)
          if (first.answer.status !== 401) return respond(first)
          // The token may have been replaced since it was read.
          yield* cluster.forget
          const again = yield* cluster.access
          if (again.headers["authorization"] === first.access.headers["authorization"]) return respond(first)
          return respond(yield* once(request))
        })
      })
    })
  )
