import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Layer, type Scope } from "effect"
import { type ApiRequest, type ApiResponse, ApiServer } from "./ApiServer.ts"
import type { ClusterLocation } from "./ClusterLocation.ts"
import * as ClusterAccess from "./internal/ClusterAccess.ts"
import * as NetworkTrouble from "./internal/NetworkTrouble.ts"
import * as NodeConnections from "./internal/NodeConnections.ts"
import type { KubernetesError } from "./KubernetesError.ts"

const retryAfterOf = (header: string | undefined): number | undefined => {
  const seconds = header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : undefined
  return seconds === undefined ? undefined : seconds * 1000
}

/**
 * Requests over `node:https`, authenticated as the location says. Nothing is read or connected before the first request,
 * and nothing that is wrong is final: a configuration, token or certificate that is put right is taken up.
 */
export const layer = (location: ClusterLocation): Layer.Layer<ApiServer> =>
  Layer.effect(
    ApiServer,
    Effect.gen(function* () {
      const cluster = yield* ClusterAccess.make(location)
      const connections = yield* NodeConnections.make

      const once = Effect.fnUntraced(function* (
        request: ApiRequest
      ): Effect.fn.Return<
        { readonly answer: NodeConnections.Answer; readonly access: ClusterAccess.Access },
        KubernetesError,
        Scope.Scope
      > {
        const access = yield* cluster.access
        const answer = yield* Effect.mapError(connections.send(access, request), (cause) =>
          NetworkTrouble.explain(access.server.host, cause)
        )
        return { answer, access }
      })

      const respond = ({ access, answer }: Effect.Success<ReturnType<typeof once>>): ApiResponse => ({
        status: answer.statusCode ?? 0,
        retryAfter: retryAfterOf(answer.headers["retry-after"]),
        body: NodeStream.fromReadable({
          evaluate: () => answer,
          onError: (cause) => NetworkTrouble.explain(access.server.host, cause),
          chunkSize: 16
        })
      })

      return ApiServer.of({
        send: Effect.fnUntraced(function* (request) {
          const first = yield* once(request)
          if (first.answer.statusCode !== 401) return respond(first)
          // The token may have been replaced since it was read.
          yield* cluster.forget
          const again = yield* cluster.access
          if (again.headers["authorization"] === first.access.headers["authorization"]) return respond(first)
          return respond(yield* once(request))
        })
      })
    })
  )
