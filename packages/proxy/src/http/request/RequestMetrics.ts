import { forEachValue } from "@registry-packages-proxy/metrics/Labelled"
import { Clock, type Context, Effect, type Metric, type Tracer } from "effect"
import { Exemplars } from "../../metrics/Exemplars.ts"
import * as Metrics from "../../metrics/Metrics.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import { type RouteLabel, routeLabels } from "./Routes.ts"

/** Records the duration and the size of completed requests in metrics. */
export interface RequestMetrics {
  /**
   * Records a completed request in metrics. `startMillis` is the time at which the request arrived, in milliseconds
   * since the epoch. If `span` is sampled, its trace id is recorded in `exemplars`.
   */
  readonly measure: (record: RequestRecord, startMillis: number, span: Tracer.AnySpan | undefined) => void
  readonly exemplars: Exemplars
}

/**
 * A histogram with one set of label values. `name` is the metric's name with these labels, in Prometheus' text format.
 * {@link Exemplars} identifies the histogram by `name`.
 */
interface Series {
  readonly histogram: Metric.Histogram<number>
  readonly name: string
}

const seriesOf = (histogram: Metric.Histogram<number>, labels: Readonly<Record<string, string>>): Series => ({
  histogram,
  name: `${histogram.id}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`
})

/** The metrics that have the same value of the label `cache`. */
interface CacheResultMetrics {
  readonly firstByte: Series
  readonly bytes: Metric.Counter<number>
  readonly total: Readonly<Record<RouteLabel, Series>>
}

const metricsOf = (cache: Metrics.CacheLabel): CacheResultMetrics => {
  return {
    firstByte: seriesOf(Metrics.timeToFirstByte({ cache }), { cache }),
    bytes: Metrics.responseBytes({ cache }),
    total: forEachValue(routeLabels, (handler) =>
      seriesOf(Metrics.requestSeconds({ handler, cache }), { handler, cache })
    )
  }
}

export const make: Effect.Effect<RequestMetrics> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const context: Context.Context<never> = yield* Effect.context<never>()
  const exemplars = new Exemplars()
  const byCacheResult = forEachValue(Metrics.cacheLabels, metricsOf)

  const update = ({ histogram, name }: Series, seconds: number, traceId: string | undefined): void => {
    histogram.updateUnsafe(seconds, context)
    if (traceId === undefined) return
    exemplars.record(name, Metrics.secondsBoundaries, {
      traceId,
      value: seconds,
      timeMillis: clock.currentTimeMillisUnsafe()
    })
  }

  return {
    exemplars,
    measure: ({ bytes, cacheResult, firstByteAt, route }, startMillis, span) => {
      const metrics = byCacheResult[cacheResult ?? "none"]
      const traceId = span?.sampled === true ? span.traceId : undefined
      const now = clock.currentTimeMillisUnsafe()
      update(metrics.total[route], (now - startMillis) / 1000, traceId)
      if (route !== "package") return
      update(metrics.firstByte, ((firstByteAt ?? now) - startMillis) / 1000, traceId)
      metrics.bytes.updateUnsafe(bytes, context)
    }
  }
})
