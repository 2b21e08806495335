import { Clock, Effect, type Metric, type Tracer } from "effect"
import * as AccessLog from "../../logging/AccessLog.ts"
import * as Metrics from "../../metrics/Metrics.ts"
import { shorten } from "../../text/SafeText.ts"
import type { RequestMetrics } from "./RequestMetrics.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import { type RouteLabel, routeOf } from "./Routes.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

/**
 * Maximum length of a user name in a log line, in characters. The name of a service account has at most 339 characters.
 */
const maxUserLength = 512

/**
 * Makes a function that returns the counter of a label set and caches it. The cache stays small, since there are few
 * label sets.
 */
const makeCounters = () => {
  const counters = new Map<string, Metric.Counter<number>>()
  return (handler: RouteLabel, method: string, code: number): Metric.Counter<number> => {
    const name = `${handler} ${method} ${code}`
    const cached = counters.get(name)
    if (cached !== undefined) return cached
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

/** A request that was answered, or whose client disconnected before the answer. */
export interface CompletedRequest {
  readonly method: string
  readonly record: RequestRecord
  readonly status: number
  /** The time at which the request arrived, in milliseconds since the epoch. */
  readonly startMillis: number
  readonly span: Tracer.AnySpan | undefined
}

/** Counts and measures a request, and logs it unless it is a probe. */
export type RequestLog = (completed: CompletedRequest) => void

/**
 * Makes a request log. For each request, the log updates a counter and calls `measure`. It also writes a log line,
 * unless the request is a probe.
 */
export const make = Effect.fnUntraced(function* (
  measure: RequestMetrics["measure"]
): Effect.fn.Return<RequestLog> {
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const log = yield* AccessLog.make
  const counterOf = makeCounters()
  return ({ record, method, span, startMillis, status }) => {
    const {
      aborted,
      bytes,
      cacheResult,
      cause,
      clientAddress,
      error,
      isUnread,
      requestId,
      route,
      upstream,
      user
    } = record
    counterOf(route, method, status).updateUnsafe(1, metrics)
    measure(record, startMillis, span)
    if (routeOf(route)?.isProbe === true) return
    const seconds = (clock.currentTimeMillisUnsafe() - startMillis) / 1000
    const userName = user === undefined ? undefined : shorten(user, maxUserLength)
    log(
      {
        method,
        route,
        status,
        bytes,
        seconds,
        cache: cacheResult,
        upstream,
        clientAddress,
        user: userName,
        requestId,
        aborted,
        error,
        unread: isUnread ? true : undefined,
        digest: error === undefined ? undefined : record.query?.manifestDigest
      },
      span,
      cause
    )
  }
})
