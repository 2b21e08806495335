import { Context, Option, Tracer } from "effect"

/** Extracts the caller's span from a request's header fields. */
export type Extract = (
  headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
) => Option.Option<Tracer.ExternalSpan>

/** The fields of W3C Trace Context. */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

const format = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const zeros = /^0+$/

/** Parses `traceparent`; of a newer version the known parts. Source: W3C Trace Context, section 3.2. */
export const parseTraceParent = (header: string | undefined): TraceParent | undefined => {
  const [, version, traceId = "", spanId = "", flags = "", more] = format.exec(header ?? "") ?? []
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined
  return zeros.test(traceId) || zeros.test(spanId)
    ? undefined
    : { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** The value of a header field that occurs once; undefined if it occurs several times. */
export const singleValue = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" ? value : undefined

/** The way callers' traces are continued. Without an SDK, their ids are used in log lines only. */
export const Propagation = Context.Reference<Extract>(
  "@registry-packages-proxy/proxy/telemetry/Propagation",
  {
    defaultValue: () => (headers) =>
      Option.map(
        Option.fromUndefinedOr(parseTraceParent(singleValue(headers["traceparent"]))),
        ({ flags, spanId, traceId }) => Tracer.externalSpan({ traceId, spanId, sampled: (flags & 1) === 1 })
      )
  }
)
