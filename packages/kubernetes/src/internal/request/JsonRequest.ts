import { Duration, Effect } from "effect"
import type { ApiRequest } from "../../ApiRequest.ts"
import type { ApiServer } from "../../ApiServer.ts"
import { type KubernetesError, unreachable } from "../../KubernetesError.ts"
import * as JsonResponse from "./JsonResponse.ts"

/** The maximum time until a response is complete, or until the head of a watch response arrives. */
export const responseTimeout = Duration.seconds(30)

/**
 * Sends a request and returns the JSON of its response. `operation` names the request in errors, such as `list
 * secrets`. Fails with `Unreachable` if the response is not complete after `responseTimeout`.
 */
export const sendJson = (
  server: ApiServer["Service"],
  operation: string,
  request: ApiRequest
): Effect.Effect<unknown, KubernetesError> =>
  Effect.scoped(
    Effect.flatMap(server.send(request), (response) => JsonResponse.read(operation, response))
  ).pipe(
    Effect.timeoutOrElse({
      duration: responseTimeout,
      orElse: () => Effect.fail(unreachable(`the API server did not answer ${operation} in time`))
    })
  )
