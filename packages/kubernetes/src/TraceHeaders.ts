import { Context, type Tracer } from "effect"

/**
 * Makes the trace context headers of a request to the API server. By default, there are no such headers. Requests to
 * other servers never have them, because only the API server belongs to the cluster.
 */
export const TraceHeaders = Context.Reference<(span: Tracer.AnySpan) => Readonly<Record<string, string>>>(
  "@registry-packages-proxy/kubernetes/TraceHeaders",
  { defaultValue: () => () => ({}) }
)
