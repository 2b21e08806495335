import { Context, type Tracer } from "effect"

/** A server span that has ended. It belongs to a successful request and has no child spans. */
export interface EndedServerSpan {
  readonly name: string
  readonly parent: Tracer.ExternalSpan | undefined
  /** The time at which the span started, in nanoseconds since the epoch. `endTime` has the same unit. */
  readonly startTime: bigint
  readonly endTime: bigint
  readonly attributes: Readonly<Record<string, string | number>>
}

/**
 * Records an ended span without the tracer, and returns its ids. Used for packages that are served from memory, since
 * starting a span and setting its attributes one by one would take as long as the response. Undefined if spans are not
 * recorded.
 */
export const RecordEndedSpan = Context.Reference<
  ((span: EndedServerSpan) => Tracer.ExternalSpan) | undefined
>("@registry-packages-proxy/proxy/telemetry/RecordEndedSpan", { defaultValue: () => undefined })
