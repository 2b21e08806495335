import { Context, Option, Tracer } from "effect"

/** The span that a request's header fields name as its caller's. */
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

/** Reads a `traceparent`; of a version that is not known yet, the parts that are. Source: W3C Trace Context, section 3.2. */
export const parse = (header: string | undefined): TraceParent | undefined => {
  const [, version, traceId = "", spanId = "", flags = "", more] = format.exec(header ?? "") ?? []
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined
  return zeros.test(traceId) || zeros.test(spanId)
    ? undefined
    : { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** A header that came once. */
export const single = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" ? value : undefined

/** Follows callers' traces. Without an SDK their ids are for the log alone. */
export const Propagation = Context.Reference<Extract>(
  "@registry-packages-proxy/proxy/telemetry/Propagation",
  {
    defaultValue: () => (headers) =>
      Option.map(
        Option.fromUndefinedOr(parse(single(headers["traceparent"]))),
        ({ flags, spanId, traceId }) => Tracer.externalSpan({ traceId, spanId, sampled: (flags & 1) === 1 })
      )
  }
)
