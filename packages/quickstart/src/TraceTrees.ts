import * as SpanTree from "@registry-packages-proxy/proxy/telemetry/SpanTree"
import { Effect, type FileSystem, Layer } from "effect"

/** Records traces in memory. If `layer` is provided to a proxy, the traces of this proxy are recorded. */
export interface TraceTrees {
  readonly layer: Layer.Layer<never, never, FileSystem.FileSystem>
  /** Returns all traces so far as text, with a tree of spans for each trace. */
  readonly render: () => string
}

/** A `TraceTrees` that records nothing. */
export const none: TraceTrees = { layer: Layer.empty, render: () => "" }

/** Loads the OpenTelemetry SDK, and makes a `TraceTrees` that records all spans with it. */
export const make: Effect.Effect<TraceTrees> = Effect.gen(function* () {
  const [InMemoryTraces, { off }] = yield* Effect.promise(() =>
    Promise.all([
      import("@registry-packages-proxy/proxy/telemetry/sdk/InMemoryTraces"),
      import("@registry-packages-proxy/proxy/telemetry/TelemetrySettings")
    ])
  )
  const memory = InMemoryTraces.make(off)
  return { layer: memory.layer, render: () => SpanTree.render(memory.spans()) }
})
