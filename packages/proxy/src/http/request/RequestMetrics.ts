import { ofEach } from "@registry-packages-proxy/metrics/Labelled"
import { Clock, type Context, Effect, type Metric, type Tracer } from "effect"
import { Exemplars } from "../../metrics/Exemplars.ts"
import * as Metrics from "../../metrics/Metrics.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import { type RouteLabel, routeLabels } from "./Routes.ts"

/** Measures requests as they end. */
export interface RequestMetrics {
  /** `began` in milliseconds since the epoch; with the span of the request where it has one that is kept. */
  readonly measure: (record: RequestRecord, began: number, span: Tracer.AnySpan | undefined) => void
  readonly exemplars: Exemplars
}

/** One series of a histogram, and its name in Prometheus' text, by which its exemplars are found. */
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

/** The metrics of requests with one cache result. */
interface Family {
  readonly firstByte: Series
  readonly bytes: Metric.Counter<number>
  readonly total: Readonly<Record<RouteLabel, Series>>
}

const familyOf = (cache: Metrics.CacheLabel): Family => {
  return {
    firstByte: seriesOf(Metrics.firstByte({ cache }), { cache }),
    bytes: Metrics.responseBytes({ cache }),
    total: ofEach(routeLabels, (handler) =>
      seriesOf(Metrics.requestSeconds({ handler, cache }), { handler, cache })
    )
  }
}

export const make: Effect.Effect<RequestMetrics> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const context: Context.Context<never> = yield* Effect.context<never>()
  const exemplars = new Exemplars()
  // Made once: requests are many.
  const families = ofEach(Metrics.cacheLabels, familyOf)

  const update = ({ histogram, name }: Series, seconds: number, traceId: string | undefined): void => {
    histogram.updateUnsafe(seconds, context)
    if (traceId === undefined) return
    exemplars.note(name, Metrics.boundaries, {
      traceId,
      value: seconds,
      at: clock.currentTimeMillisUnsafe()
    })
  }

  return {
    exemplars,
    measure: ({ bytes, cache, firstByteAt, route }, began, span) => {
      const family = families[cache ?? "none"]
      const traceId = span?.sampled === true ? span.traceId : undefined
      const now = clock.currentTimeMillisUnsafe()
      update(family.total[route], (now - began) / 1000, traceId)
      if (route !== "package") return
      update(family.firstByte, ((firstByteAt ?? now) - began) / 1000, traceId)
      family.bytes.updateUnsafe(bytes, context)
    }
  }
})
