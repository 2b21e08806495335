import { TraceFlags } from "@opentelemetry/api"
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace"
import type { Loss } from "../Loss.ts"
import type { Batching } from "../TelemetrySettings.ts"

export interface SpanQueue {
  readonly processor: SpanProcessor
  /** Spans that ended and of which nobody has said that they arrived, or did not. */
  readonly unsettled: () => number
}

/**
 * OpenTelemetry's batch processor, which drops spans without a word where its queue is full: here they are counted. The
 * count of those that wait is kept beside it, exactly, since a batch leaves the queue where it is exported.
 */
export const make = (exporter: SpanExporter, batching: Batching, loss: Loss): SpanQueue => {
  let waiting = 0
  let sending = 0
  let isOver = false
  const batches = new BatchSpanProcessor({
    ...batching,
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
        if (isOver) return loss.lost(1, "stopping")
        if (waiting >= batching.maxQueueSize) return loss.lost(1, "queue full")
        waiting++
        batches.onEnd(span)
      },
      forceFlush: () => batches.forceFlush(),
      shutdown: () => {
        isOver = true
        return batches.shutdown()
      }
    }
  }
}
