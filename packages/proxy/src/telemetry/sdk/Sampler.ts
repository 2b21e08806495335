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

/** The sampler that `OTEL_TRACES_SAMPLER` names. */
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

/** True if a span is kept. Decides by the trace's id, and by the caller's decision: undefined without a caller. */
export type IsSampled = (traceId: string, parentSampled: boolean | undefined) => boolean

/** The same decision for a server span whose parent is remote, without a context or a result object for each span. */
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
