import { Context, Effect, Layer, Option, Schema, type Stream } from "effect"
import { ApiServer } from "./ApiServer.ts"
import * as ListPages from "./internal/request/ListPages.ts"
import * as ListWatch from "./internal/watch/ListWatch.ts"
import { invalid, type KubernetesError } from "./KubernetesError.ts"
import * as Resource from "./Resource.ts"
import type { WatchEvent } from "./WatchEvent.ts"

/** The objects of a Kubernetes API server, by kind. */
export class KubernetesApi extends Context.Service<
  KubernetesApi,
  {
    /** One object; fails with `NotFound` where there is none, within 30 s where there is no answer. */
    readonly get: <A>(resource: Resource.Resource<A>, name: string) => Effect.Effect<A, KubernetesError>
    /** Makes an object, and answers what the server made of it, as the reviews do; fails within 30 s. */
    readonly create: <A>(
      resource: Resource.Resource<A>,
      object: Readonly<Record<string, unknown>>
    ) => Effect.Effect<A, KubernetesError>
    /**
     * All objects of a resource, then every change; never ends, never fails, and retries by itself, with 0.8 to 30 s
     * times 1 to 2 in between. Needs `list` and `watch`; with `name`, of that object alone, `get` and `watch`, which
     * RBAC can grant for one name; it may be absent at first.
     *
     * Read as it is asked for: a slow consumer holds the server back. Objects that cannot be decoded are told in the
     * log by name and left out. With the stream's scope its connection is closed.
     */
    readonly listWatch: <A>(
      resource: Resource.Resource<A>,
      options?: { readonly name?: string }
    ) => Stream.Stream<WatchEvent<A>>
  }
>()("@registry-packages-proxy/kubernetes/KubernetesApi") {
  /** Over the requests of an `ApiServer`. */
  static readonly layer: Layer.Layer<KubernetesApi, never, ApiServer> = Layer.effect(
    KubernetesApi,
    Effect.map(ApiServer, (server) =>
      KubernetesApi.of({
        get: <A>(resource: Resource.Resource<A>, name: string): Effect.Effect<A, KubernetesError> => {
          const what = `get ${Resource.label(resource)}`
          return Effect.flatMap(
            ListPages.ask(server, what, { method: "GET", path: Resource.path(resource, name) }),
            (answer) => decode(resource, what, answer)
          )
        },
        create: <A>(
          resource: Resource.Resource<A>,
          object: Readonly<Record<string, unknown>>
        ): Effect.Effect<A, KubernetesError> => {
          const what = `create ${Resource.label(resource)}`
          const body = { apiVersion: Resource.apiVersion(resource), kind: resource.kind, ...object }
          return Effect.flatMap(
            ListPages.ask(server, what, { method: "POST", path: Resource.path(resource), body }),
            (answer) => decode(resource, what, answer)
          )
        },
        listWatch: (resource, options) => ListWatch.listWatch(server, resource, options?.name)
      })
    )
  )
}

const decode = <A>(
  resource: Resource.Resource<A>,
  what: string,
  answer: unknown
): Effect.Effect<A, KubernetesError> =>
  Option.match(Schema.decodeUnknownOption(resource.schema)(answer), {
    onNone: () => Effect.fail(invalid(`the API server answered ${what} with what is no ${resource.kind}`)),
    onSome: (object) => Effect.succeed(object)
  })
