import { Context, type Tracer } from "effect"

/**
 * The header fields that tell the API server of the span a request belongs to; none unless a tracer provides them. It is the
 * one server that is told: it belongs to the cluster that this program serves.
 */
export const TraceHeaders = Context.Reference<(span: Tracer.AnySpan) => Readonly<Record<string, string>>>(
  "@registry-packages-proxy/kubernetes/TraceHeaders",
  { defaultValue: () => () => ({}) }
)
