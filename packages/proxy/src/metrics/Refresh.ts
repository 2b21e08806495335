import { Context, type Effect } from "effect"

/**
 * Effects that update metrics just before they are read, such as memory usage. A metrics exporter provides the set, and
 * runs its effects before each export. Undefined without an exporter.
 */
export const Refresh = Context.Reference<Set<Effect.Effect<void>> | undefined>(
  "@registry-packages-proxy/proxy/metrics/Refresh",
  { defaultValue: () => undefined }
)
