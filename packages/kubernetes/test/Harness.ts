import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import type { Resource } from "@registry-packages-proxy/kubernetes/Resource"
import type { WatchEvent } from "@registry-packages-proxy/kubernetes/WatchEvent"
import {
  FakeKubernetes,
  type FakeKubernetesOptions
} from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetes"
import { Effect, Layer, Pull, Random, Schema, Stream } from "effect"

export const Thing = Schema.Struct({
  apiVersion: Schema.Literal("test.invalid/v1"),
  kind: Schema.Literal("Thing"),
  metadata: Schema.Struct({ name: Schema.String }),
  value: Schema.String
})

export const things: Resource<typeof Thing.Type> = {
  group: "test.invalid",
  version: "v1",
  kind: "Thing",
  plural: "things",
  schema: Thing
}

export const path = "/apis/test.invalid/v1/things"

export const thing = (name: string, value: string) => ({
  apiVersion: "test.invalid/v1",
  kind: "Thing",
  metadata: { name },
  value
})

export const make = (options: Omit<FakeKubernetesOptions, "collections"> = {}): FakeKubernetes =>
  new FakeKubernetes({ collections: { [path]: "Thing" }, ...options })

/** Formats an event as a short text, such as `Added one=1`. */
export const brief = (event: WatchEvent<typeof Thing.Type>): string => {
  switch (event._tag) {
    case "Synced":
      return `Synced ${event.objects.map(({ metadata, value }) => `${metadata.name}=${value}`).join(",")}`
    case "Added":
    case "Modified":
      return `${event._tag} ${event.object.metadata.name}=${event.object.value}`
    case "Deleted":
      return `Deleted ${event.key.name}`
    case "UpToDate":
      return "UpToDate"
    case "AttemptFailed":
      return `AttemptFailed ${event.error.reason._tag}`
  }
}

/** Returns the stream of `listWatch` for the resource {@link things} on the fake API server `api`. */
export const stream = (api: FakeKubernetes, options?: { readonly name?: string }) =>
  Stream.unwrap(Effect.map(KubernetesApi, (kubernetes) => kubernetes.listWatch(things, options))).pipe(
    Stream.provide(KubernetesApi.layer.pipe(Layer.provide(api.layer)))
  )

/**
 * Watches the objects of the kind `Thing` on the fake API server `api`. The returned effect `next` waits for the next
 * event, and formats it with {@link brief}.
 */
export const follow = Effect.fnUntraced(function* (
  api: FakeKubernetes,
  options?: { readonly name?: string }
) {
  const pull = yield* Stream.toPull(stream(api, options))
  const events: Array<string> = []
  const next: Effect.Effect<string> = Effect.suspend(() => {
    const event = events.shift()
    if (event !== undefined) return Effect.succeed(event)
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

/** Makes every random number equal to `number`, from 0 up to but not including 1. */
export const randomly = (number: number) =>
  Effect.provideService(Random.Random, {
    nextDoubleUnsafe: () => number,
    nextIntUnsafe: () => Math.floor(number * Number.MAX_SAFE_INTEGER)
  })

/** Yields 200 times, so that all other fibers run until they wait. */
export const settled = Effect.repeat(Effect.yieldNow, { times: 200 })
