import { Context, type Tracer } from "effect"

/** A complete server span of a successful request without child spans. */
export interface FinishedSpan {
  readonly name: string
  readonly parent: Tracer.ExternalSpan | undefined
  /** Nanoseconds since the epoch; so is `endTime`. */
  readonly startTime: bigint
  readonly endTime: bigint
  readonly attributes: Readonly<Record<string, string | number>>
}

/**
 * Records a finished span without the tracer and returns its identity. For small packages from memory: starting a span
 * and setting its attributes one by one would take as long as the response.
 */
export const FinishedSpans = Context.Reference<((span: FinishedSpan) => Tracer.ExternalSpan) | undefined>(
  "@registry-packages-proxy/proxy/telemetry/FinishedSpans",
  { defaultValue: () => undefined }
)
