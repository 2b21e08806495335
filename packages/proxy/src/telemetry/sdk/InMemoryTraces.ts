import { ExportResultCode } from "@opentelemetry/core"
import { Duration, Effect, type FileSystem, Layer } from "effect"
import type { SpanView } from "../SpanTree.ts"
import type { TelemetrySettings } from "../TelemetrySettings.ts"
import * as Resource from "./Resource.ts"
import { spanViewOf } from "./SpanView.ts"
import * as Traces from "./Traces.ts"

/**
 * Makes a layer that records spans in memory, for tests and for programs that show traces without a collector. Records
 * all spans, except spans with a parent that is not sampled.
 */
export const make = (
  settings: TelemetrySettings
): {
  readonly layer: Layer.Layer<never, never, FileSystem.FileSystem>
  /** Returns all recorded spans that have ended. */
  readonly spans: () => ReadonlyArray<SpanView>
} => {
  const spans: Array<SpanView> = []
  const options = {
    sampler: "parentbased_always_on",
    ratio: 1,
    propagates: true,
    batching: {
      scheduleDelay: Duration.seconds(1),
      exportTimeout: Duration.seconds(1),
      maxQueueSize: 65_536,
      // Each span is exported when it ends.
      maxExportBatchSize: 1
    }
  } as const
  const layer = Traces.layerExporter(options, Resource.make(settings), () =>
    Effect.succeed({
      export: (ended, done) => {
        spans.push(...ended.map(spanViewOf))
        done({ code: ExportResultCode.SUCCESS })
      },
      shutdown: () => Promise.resolve()
    })
  )
  // `Traces` can fail only if it cannot read a file. This layer reads no file.
  return { layer: Layer.orDie(layer), spans: () => spans }
}
