import { Clock, Effect, type Metric, type Tracer } from "effect"
import * as AccessLog from "../../logging/AccessLog.ts"
import * as Metrics from "../../metrics/Metrics.ts"
import { shorten } from "../../text/SafeText.ts"
import type { RequestMetrics } from "./RequestMetrics.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import { type RouteLabel, routeOf } from "./Routes.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

/** The longest user name in a line; that of a service account may have 338 characters. */
const maxUserLength = 512

/** The counter of a label set, made once and kept, since the sets are few and fixed. */
const makeCounters = () => {
  const counters = new Map<string, Metric.Counter<number>>()
  return (handler: RouteLabel, method: string, code: number): Metric.Counter<number> => {
    const name = `${handler} ${method} ${code}`
    const known = counters.get(name)
    if (known !== undefined) return known
    const attributes = {
      handler,
      method: methods.find((known) => known === method) ?? "other",
      code: String(code)
    }
    const counter = Metrics.requests(attributes)
    counters.set(name, counter)
    return counter
  }
}

/** A request that was answered, or whose client left. */
export interface CompletedRequest {
  readonly method: string
  readonly record: RequestRecord
  readonly status: number
  /** When it came, in milliseconds since the epoch. */
  readonly began: number
  readonly span: Tracer.AnySpan | undefined
}

/** Counts a request and, unless it was a probe's, logs it. */
export type RequestLog = (completed: CompletedRequest) => void

/** `measure` is told of each. */
export const make = Effect.fnUntraced(function* (
  measure: RequestMetrics["measure"]
): Effect.fn.Return<RequestLog> {
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const log = yield* AccessLog.make
  const counterOf = makeCounters()
  return ({ began, record, method, span, status }) => {
    const { aborted, bytes, cache, cause, clientAddress, error, requestId, route, upstream, user } = record
    counterOf(route, method, status).updateUnsafe(1, metrics)
    measure(record, began, span)
    if (routeOf(route)?.isProbe === true) return
    const seconds = (clock.currentTimeMillisUnsafe() - began) / 1000
    const userName = user === undefined ? undefined : shorten(user, maxUserLength)
    log(
      {
        method,
        route,
        status,
        bytes,
        seconds,
        cache,
        upstream,
        clientAddress,
        user: userName,
        requestId,
        aborted,
        error,
        digest: error === undefined ? undefined : record.query?.manifestDigest
      },
      span,
      cause
    )
  }
})
