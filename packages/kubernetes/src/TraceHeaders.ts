import { Context, type Tracer } from "effect"

/**
 * Makes the trace context headers of a request to the API server. The default function makes no headers. Requests to
 * other servers never have these headers, because only the API server belongs to the cluster.
 */
export const TraceHeaders = Context.Reference<(span: Tracer.AnySpan) => Readonly<Record<string, string>>>(
  "@registry-packages-proxy/kubernetes/TraceHeaders",
  { defaultValue: () => () => ({}) }
)
