import { Clock, type Context, Effect, type Metric, type Tracer } from "effect"
import { Exemplars } from "../metrics/Exemplars.ts"
import * as Metrics from "../Metrics.ts"
import type { Exchange } from "./Exchange.ts"

/** Measures requests as they end. */
export interface RequestMetrics {
  /** `began` in milliseconds since the epoch; with the span of the request where it has one that is kept. */
  readonly measure: (exchange: Exchange, began: number, span: Tracer.AnySpan | undefined) => void
  readonly exemplars: Exemplars
}

const seriesOf = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`

export const make: Effect.Effect<RequestMetrics> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const context: Context.Context<never> = yield* Effect.context<never>()
  const exemplars = new Exemplars()

  const update = (
    metric: Metric.Histogram<number>,
    labels: Readonly<Record<string, string>>,
    seconds: number,
    traceId: string | undefined
  ): void => {
    metric.updateUnsafe(seconds, context)
    if (traceId === undefined) return
    exemplars.note(seriesOf(metric.id, labels), Metrics.boundaries, {
      traceId,
      value: seconds,
      at: clock.currentTimeMillisUnsafe()
    })
  }

  return {
    exemplars,
    measure: ({ bytes, cache: result, firstByteAt, route }, began, span) => {
      const cache: Metrics.CacheLabel = result ?? "none"
      const traceId = span?._tag === "Span" && span.sampled ? span.traceId : undefined
      const now = clock.currentTimeMillisUnsafe()
      const ofHandler = { handler: route, cache }
      update(Metrics.requestSeconds(ofHandler), ofHandler, (now - began) / 1000, traceId)
      if (route !== "package") return
      update(Metrics.firstByte({ cache }), { cache }, ((firstByteAt ?? now) - began) / 1000, traceId)
      Metrics.responseBytes({ cache }).updateUnsafe(bytes, context)
    }
  }
})
