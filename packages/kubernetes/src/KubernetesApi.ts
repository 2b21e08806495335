import { Context, Effect, Layer, Option, Schema, type Stream } from "effect"
import { ApiServer } from "./ApiServer.ts"
import { sendJson } from "./internal/request/JsonRequest.ts"
import * as ListWatch from "./internal/watch/ListWatch.ts"
import { invalid, type KubernetesError } from "./KubernetesError.ts"
import * as Resource from "./Resource.ts"
import type { WatchEvent } from "./WatchEvent.ts"

/** Reads, creates and watches objects of a Kubernetes API server. */
export class KubernetesApi extends Context.Service<
  KubernetesApi,
  {
    /**
     * Gets an object. Fails with `NotFound` if the object does not exist, and with `Unreachable` if the response is not
     * complete after 30 s.
     */
    readonly get: <A>(resource: Resource.Resource<A>, name: string) => Effect.Effect<A, KubernetesError>
    /**
     * Creates an object. Returns the object that the API server sends in its response. If a reused connection breaks
     * before the response, the request is sent a second time. Fails with `Unreachable` if the response is not complete
     * after 30 s.
     */
    readonly create: <A>(
      resource: Resource.Resource<A>,
      object: Readonly<Record<string, unknown>>
    ) => Effect.Effect<A, KubernetesError>
    /**
     * Emits all objects of a resource, then every change of an object. Never ends and never fails. Retries after a
     * delay of 0.8 to 30 s, multiplied by a random factor of 1 to 2. Needs the RBAC verbs `list` and `watch`.
     *
     * With `name`, follows only the object with this name. The object need not exist yet. Needs the RBAC verbs `get`
     * and `watch`. A role can grant these verbs for one name.
     *
     * Backpressured, so that a slow consumer pauses the watch. Skips and logs objects that cannot be decoded. The end
     * of the stream's scope closes the connection.
     */
    readonly listWatch: <A>(
      resource: Resource.Resource<A>,
      options?: { readonly name?: string }
    ) => Stream.Stream<WatchEvent<A>>
  }
>()("@registry-packages-proxy/kubernetes/KubernetesApi") {
  /** Makes the service, which sends its requests through `ApiServer`. */
  static readonly layer: Layer.Layer<KubernetesApi, never, ApiServer> = Layer.effect(
    KubernetesApi,
    Effect.map(ApiServer, (server) =>
      KubernetesApi.of({
        get: <A>(resource: Resource.Resource<A>, name: string): Effect.Effect<A, KubernetesError> => {
          const operation = `get ${Resource.groupResource(resource)}`
          return Effect.flatMap(
            sendJson(server, operation, { method: "GET", path: Resource.path(resource, name) }),
            (json) => decode(resource, operation, json)
          )
        },
        create: <A>(
          resource: Resource.Resource<A>,
          object: Readonly<Record<string, unknown>>
        ): Effect.Effect<A, KubernetesError> => {
          const operation = `create ${Resource.groupResource(resource)}`
          const body = { apiVersion: Resource.apiVersion(resource), kind: resource.kind, ...object }
          return Effect.flatMap(
            sendJson(server, operation, { method: "POST", path: Resource.path(resource), body }),
            (json) => decode(resource, operation, json)
          )
        },
        listWatch: (resource, options) => ListWatch.listWatch(server, resource, options?.name)
      })
    )
  )
}

const decode = <A>(
  resource: Resource.Resource<A>,
  operation: string,
  json: unknown
): Effect.Effect<A, KubernetesError> =>
  Option.match(Schema.decodeUnknownOption(resource.schema)(json), {
    onNone: () =>
      Effect.fail(invalid(`the API server's response to ${operation} is not a valid ${resource.kind}`)),
    onSome: (object) => Effect.succeed(object)
  })
