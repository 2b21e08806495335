import { Context, type Tracer } from "effect"

/** A server span of which all is known: nothing happened in it that has a span of its own, and it did not fail. */
export interface FinishedSpan {
  readonly name: string
  readonly parent: Tracer.ExternalSpan | undefined
  /** Nanoseconds since the epoch. */
  readonly startTime: bigint
  readonly endTime: bigint
  readonly attributes: Readonly<Record<string, string | number>>
}

/**
 * Takes finished spans in place of the tracer, and answers what they are known by. A small package from memory is answered
 * in the time that a tracer takes to begin a span and to be told of its attributes one by one.
 */
export const FinishedSpans = Context.Reference<((span: FinishedSpan) => Tracer.ExternalSpan) | undefined>(
  "@registry-packages-proxy/proxy/telemetry/FinishedSpans",
  { defaultValue: () => undefined }
)
