import { assert, layer } from "@effect/vitest"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import type { KubernetesError } from "@registry-packages-proxy/kubernetes/KubernetesError"
import type { Resource } from "@registry-packages-proxy/kubernetes/Resource"
import * as SubjectAccessReviews from "@registry-packages-proxy/kubernetes/reviews/SubjectAccessReviews"
import * as TokenReviews from "@registry-packages-proxy/kubernetes/reviews/TokenReviews"
import type { WatchEvent } from "@registry-packages-proxy/kubernetes/WatchEvent"
import { Context, Effect, type Layer, Pull, Redacted, Schema, Stream } from "effect"

/** The schema of the ConfigMaps that the suite reads. */
export const ConfigMap = Schema.Struct({
  metadata: Schema.Struct({ name: Schema.String }),
  kind: Schema.Literal("ConfigMap"),
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})

/** The ConfigMaps that the suite reads. Their namespace, `testkit`, must exist on the API server under test. */
export const configMaps: Resource<typeof ConfigMap.Type> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespace: "testkit",
  schema: ConfigMap
}

/**
 * Changes the ConfigMaps of the API server under test. `apply` and `remove` complete after the server has applied the
 * change. `user` and `token` are for the reviews that the suite requests.
 */
export class KubernetesApiAdmin extends Context.Service<
  KubernetesApiAdmin,
  {
    /** Creates or replaces a ConfigMap in the namespace `testkit`. */
    readonly apply: (name: string, data: Readonly<Record<string, string>>) => Effect.Effect<void>
    readonly remove: (name: string) => Effect.Effect<void>
    /** The token of `user`, who may `get` ConfigMaps in the namespace `testkit` and may do nothing else. */
    readonly token: Effect.Effect<Redacted.Redacted>
    readonly user: string
  }
>()("@registry-packages-proxy/testkit/KubernetesApiSuite/KubernetesApiAdmin") {}

/** Formats an event as one line, such as `Added wanted=1`. */
const brief = (event: WatchEvent<typeof ConfigMap.Type>): string => {
  switch (event._tag) {
    case "Synced":
      return `Synced ${event.objects.map(({ data, metadata }) => `${metadata.name}=${data?.["value"] ?? ""}`).join(",")}`
    case "Added":
    case "Modified":
      return `${event._tag} ${event.object.metadata.name}=${event.object.data?.["value"] ?? ""}`
    case "Deleted":
      return `Deleted ${event.key.name}`
    case "UpToDate":
      return "UpToDate"
    case "AttemptFailed":
      return `AttemptFailed ${event.error.reason._tag}`
  }
}

/**
 * Watches ConfigMaps. The returned `next` waits for the next event, skips `UpToDate`, and returns the event as text.
 */
const reader = Effect.fnUntraced(function* (options?: { readonly name?: string }) {
  const api = yield* KubernetesApi
  const pull = yield* Stream.toPull(api.listWatch(configMaps, options))
  const events: Array<string> = []
  const next: Effect.Effect<string> = Effect.suspend(() => {
    const event = events.shift()
    if (event !== undefined) return event === "UpToDate" ? next : Effect.succeed(event)
    return pull.pipe(
      Pull.catchDone(() => Effect.die(new Error("the stream ended"))),
      Effect.flatMap((more) => {
        events.push(...more.map(brief))
        return next
      })
    )
  })
  return { next }
})

const tagOf = <A, R>(self: Effect.Effect<A, KubernetesError, R>) =>
  Effect.map(Effect.flip(self), ({ reason }) => reason._tag)

/**
 * Defines the tests that every Kubernetes API server must pass, fake or real. The namespace `testkit` must be empty at
 * the start.
 */
export const suite = (name: string, server: Layer.Layer<KubernetesApi | KubernetesApiAdmin, unknown>) =>
  layer(server, { excludeTestServices: true })(`Kubernetes API (${name})`, (it) => {
    it.effect(
      "get - returns the object, or fails with NotFound",
      Effect.fn(function* () {
        const api = yield* KubernetesApi
        const admin = yield* KubernetesApiAdmin
        yield* admin.apply("one", { value: "1" })
        assert.deepInclude((yield* api.get(configMaps, "one")).data, { value: "1" })
        assert.strictEqual(yield* tagOf(api.get(configMaps, "absent")), "NotFound")
        yield* admin.remove("one")
      })
    )

    it.effect(
      "get - fails with NotFound for a kind that does not exist",
      Effect.fn(function* () {
        const api = yield* KubernetesApi
        const nothing = { ...configMaps, group: "nothing.invalid", plural: "nothings" }
        assert.strictEqual(yield* tagOf(api.get(nothing, "one")), "NotFound")
      })
    )

    it.effect(
      "listWatch - emits the existing objects, then each change in order",
      Effect.fn(function* () {
        const admin = yield* KubernetesApiAdmin
        yield* admin.apply("there", { value: "1" })
        const { next } = yield* reader()
        assert.strictEqual(yield* next, "Synced there=1")
        yield* admin.apply("new", { value: "2" })
        assert.strictEqual(yield* next, "Added new=2")
        yield* admin.apply("there", { value: "3" })
        assert.strictEqual(yield* next, "Modified there=3")
        yield* admin.remove("there")
        assert.strictEqual(yield* next, "Deleted there")
        yield* admin.remove("new")
        assert.strictEqual(yield* next, "Deleted new")
      }, Effect.scoped)
    )

    it.effect(
      "listWatch - by name emits changes of that object alone, even if it does not exist at first",
      Effect.fn(function* () {
        const admin = yield* KubernetesApiAdmin
        const { next } = yield* reader({ name: "wanted" })
        assert.strictEqual(yield* next, "Synced ")
        yield* admin.apply("another", { value: "1" })
        yield* admin.apply("wanted", { value: "1" })
        assert.strictEqual(yield* next, "Added wanted=1")
        yield* admin.apply("wanted", { value: "2" })
        assert.strictEqual(yield* next, "Modified wanted=2")
        yield* admin.remove("wanted")
        assert.strictEqual(yield* next, "Deleted wanted")
        yield* admin.apply("wanted", { value: "3" })
        assert.strictEqual(yield* next, "Added wanted=3")
        yield* admin.remove("wanted")
        yield* admin.remove("another")
      }, Effect.scoped)
    )

    it.effect(
      "listWatch - by name begins with the existing object",
      Effect.fn(function* () {
        const admin = yield* KubernetesApiAdmin
        yield* admin.apply("present", { value: "1" })
        const { next } = yield* reader({ name: "present" })
        assert.strictEqual(yield* next, "Synced present=1")
        yield* admin.apply("present", { value: "2" })
        assert.strictEqual(yield* next, "Modified present=2")
        yield* admin.remove("present")
      }, Effect.scoped)
    )

    it.effect(
      "a TokenReview - returns the user of a valid token, and rejects another token",
      Effect.fn(function* () {
        const admin = yield* KubernetesApiAdmin
        const known = yield* TokenReviews.review(yield* admin.token)
        assert.strictEqual(known.authenticated, true)
        assert.strictEqual(known.user?.username, admin.user)
        const unknown = yield* TokenReviews.review(Redacted.make("not-a-token"))
        assert.notStrictEqual(unknown.authenticated, true)
      })
    )

    it.effect(
      "a SubjectAccessReview - allows what a user may do and nothing else",
      Effect.fn(function* () {
        const { user } = yield* KubernetesApiAdmin
        const may = (verb: string) =>
          Effect.map(
            SubjectAccessReviews.review({
              user,
              resourceAttributes: { verb, resource: "configmaps", namespace: "testkit", version: "v1" }
            }),
            ({ allowed }) => allowed
          )
        assert.isTrue(yield* may("get"))
        assert.isFalse(yield* may("delete"))
      })
    )
  })
