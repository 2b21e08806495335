import { TraceFlags } from "@opentelemetry/api"
import { ExportResultCode } from "@opentelemetry/core"
import type { Resource } from "@opentelemetry/resources"
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace"
import type { ExportLoss } from "../ExportLoss.ts"
import type { Batching } from "../TelemetrySettings.ts"
import { batchConfig } from "./BatchConfig.ts"
import * as SpanBatch from "./SpanBatch.ts"
import type { SpanTemplate } from "./SpanTemplate.ts"

/** A bounded queue of ended spans in front of an exporter. */
export interface SpanQueue {
  /**
   * The processor for OpenTelemetry's tracer. It adds the tracer's ended spans to the queue. These spans are objects,
   * whereas `enqueue` adds spans as bytes.
   */
  readonly processor: SpanProcessor
  /**
   * Queues an ended span as bytes. `template` has the parts of the span that are the same in many spans, already
   * encoded. All spans of a queue must have the same `resource`. If the queue is full, drops the span and counts it.
   */
  readonly enqueue: (resource: Resource, template: SpanTemplate, idsAndTimes: SpanBatch.IdsAndTimes) => void
  /** Returns the number of ended spans whose export has neither succeeded nor failed yet. */
  readonly unsettled: () => number
}

/**
 * Makes a queue that passes spans to two of OpenTelemetry's batch processors. One processor exports spans that are
 * objects. The other exports batches of spans that `enqueue` has written as bytes. A span leaves the queue when its
 * export begins. The queue counts the spans that it drops, since a full batch processor would drop spans without
 * counting them.
 */
export const make = (exporter: SpanExporter, batching: Batching, loss: ExportLoss): SpanQueue => {
  const config = batchConfig(batching)
  let waiting = 0
  let sending = 0
  let isShutDown = false
  let spare: Buffer | undefined
  const counting: SpanExporter = {
    export: (spans, done) => {
      const count = SpanBatch.spanCount(spans)
      waiting -= count
      sending += count
      exporter.export(spans, (result) => {
        sending -= count
        // The collector has received the whole batch, so its buffer may be reused. After a failure it may not,
        // since an attempt to send it may still be in progress.
        if (result.code === ExportResultCode.SUCCESS) spare = SpanBatch.batchOf(spans)?.bytes ?? spare
        done(result)
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    // Both processors call this. The exporter itself is shut down once, below.
    shutdown: () => Promise.resolve()
  }
  const spans = new BatchSpanProcessor({ ...config, exporter: counting })
  const batches = new BatchSpanProcessor({ ...config, maxExportBatchSize: 1, exporter: counting })

  /**
   * Counts a span as queued and returns true. If the queue is full or shut down, counts the span as lost and returns
   * false.
   */
  const admit = (): boolean => {
    if (isShutDown || waiting >= batching.maxQueueSize) {
      loss.add(1, isShutDown ? "stopping" : "queue full")
      return false
    }
    waiting++
    return true
  }

  const maxInBatch = Math.min(batching.maxExportBatchSize, batching.maxQueueSize)
  let batch: SpanBatch.SpanBatch | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const sendBatch = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (batch !== undefined) batches.onEnd(SpanBatch.asSpan(batch))
    batch = undefined
  }

  return {
    unsettled: () => waiting + sending,
    enqueue: (resource, template, idsAndTimes) => {
      if (!admit()) return
      if (batch === undefined) {
        batch = new SpanBatch.SpanBatch(resource, template, spare)
        spare = undefined
      }
      batch.add(template, idsAndTimes)
      if (batch.count >= maxInBatch) sendBatch()
      else timer ??= setTimeout(sendBatch, config.scheduledDelayMillis).unref()
    },
    processor: {
      onStart: (span, context) => spans.onStart(span, context),
      onEnd: (span) => {
        if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 && admit()) spans.onEnd(span)
      },
      forceFlush: async () => {
        sendBatch()
        await Promise.all([spans.forceFlush(), batches.forceFlush()])
      },
      shutdown: async () => {
        isShutDown = true
        sendBatch()
        // The exporter has already counted failed exports.
        await Promise.allSettled([spans.shutdown(), batches.shutdown()])
        await exporter.shutdown()
      }
    }
  }
}
