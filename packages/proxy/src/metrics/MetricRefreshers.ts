import { Context, type Effect } from "effect"

/**
 * Effects that update metrics, such as memory usage, just before metrics are read. A metrics exporter provides this
 * set, and runs the effects in the set before each export. Undefined if there is no metrics exporter.
 */
export const MetricRefreshers = Context.Reference<Set<Effect.Effect<void>> | undefined>(
  "@registry-packages-proxy/proxy/metrics/MetricRefreshers",
  { defaultValue: () => undefined }
)
