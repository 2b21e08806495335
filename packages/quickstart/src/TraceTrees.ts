import * as SpanTree from "@registry-packages-proxy/proxy/telemetry/SpanTree"
import { Effect, type FileSystem, Layer } from "effect"

/** Traces of the program, kept in memory. */
export interface TraceTrees {
  readonly layer: Layer.Layer<never, never, FileSystem.FileSystem>
  /** What was traced so far, as trees. */
  readonly render: () => string
}

/** Nothing is traced. */
export const none: TraceTrees = { layer: Layer.empty, render: () => "" }

/** Traces everything, by the SDK that the program sends traces to a collector with. */
export const make: Effect.Effect<TraceTrees> = Effect.gen(function* () {
  const [Memory, { off }] = yield* Effect.promise(() =>
    Promise.all([
      import("@registry-packages-proxy/proxy/telemetry/sdk/Memory"),
      import("@registry-packages-proxy/proxy/telemetry/TelemetrySettings")
    ])
  )
  const memory = Memory.make(off)
  return { layer: memory.layer, render: () => SpanTree.render(memory.spans()) }
})
