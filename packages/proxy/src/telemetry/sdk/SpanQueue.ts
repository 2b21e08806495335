import { TraceFlags } from "@opentelemetry/api"
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace"
import type { ExportLoss } from "../ExportLoss.ts"
import type { Batching } from "../TelemetrySettings.ts"
import { batchConfig } from "./BatchConfig.ts"

export interface SpanQueue {
  readonly processor: SpanProcessor
  /** The number of ended spans whose export has neither succeeded nor failed yet. */
  readonly unsettled: () => number
}

/**
 * OpenTelemetry's batch processor with a count of dropped spans, since the processor drops them silently when its queue
 * is full. The number of queued spans is exact: a batch leaves the queue when it is exported.
 */
export const make = (exporter: SpanExporter, batching: Batching, loss: ExportLoss): SpanQueue => {
  let waiting = 0
  let sending = 0
  let isShutDown = false
  const batches = new BatchSpanProcessor({
    ...batchConfig(batching),
    exporter: {
      export: (spans, done) => {
        waiting -= spans.length
        sending += spans.length
        exporter.export(spans, (result) => {
          sending -= spans.length
          done(result)
        })
      },
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown()
    }
  })
  return {
    unsettled: () => waiting + sending,
    processor: {
      onStart: (span, context) => batches.onStart(span, context),
      onEnd: (span) => {
        if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
        if (isShutDown) return loss.add(1, "stopping")
        if (waiting >= batching.maxQueueSize) return loss.add(1, "queue full")
        waiting++
        batches.onEnd(span)
      },
      forceFlush: () => batches.forceFlush(),
      shutdown: () => {
        isShutDown = true
        return batches.shutdown()
      }
    }
  }
}
