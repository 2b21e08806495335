import { ROOT_CONTEXT } from "@opentelemetry/api"
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler
} from "@opentelemetry/sdk-trace"
import type { SamplerName } from "../OtelVariables.ts"

/**
 * Makes the sampler that `OTEL_TRACES_SAMPLER` names. `ratio` is the share of traces that a ratio sampler samples, from
 * 0 to 1.
 */
export const make = (name: SamplerName, ratio: number): Sampler => {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler()
    case "always_off":
      return new AlwaysOffSampler()
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio)
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  }
}

/**
 * Returns true if a span is sampled. `parentSampled` is true if the span's parent is sampled, and undefined if the span
 * has no parent.
 */
export type IsSampled = (traceId: string, parentSampled: boolean | undefined) => boolean

/**
 * Makes the function that decides which server spans are sampled. It makes the same decisions as the sampler that
 * {@link make} returns, but does not need an OpenTelemetry context for each span.
 */
export const makeIsSampled = (name: SamplerName, ratio: number): IsSampled => {
  const ofRatio = new TraceIdRatioBasedSampler(ratio)
  const byRatio = (traceId: string): boolean =>
    ofRatio.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED
  switch (name) {
    case "always_on":
      return () => true
    case "always_off":
      return () => false
    case "traceidratio":
      return byRatio
    case "parentbased_always_on":
      return (_traceId, parentSampled) => parentSampled ?? true
    case "parentbased_always_off":
      return (_traceId, parentSampled) => parentSampled ?? false
    case "parentbased_traceidratio":
      return (traceId, parentSampled) => parentSampled ?? byRatio(traceId)
  }
}
