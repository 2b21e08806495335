import { Context, type Effect } from "effect"

/**
 * What is to be run before metrics are read, where somebody reads them besides /metrics: figures that nobody counts as they
 * change are brought up to date by it.
 */
export const Refresh = Context.Reference<Set<Effect.Effect<void>> | undefined>(
  "@registry-packages-proxy/proxy/metrics/Refresh",
  { defaultValue: () => undefined }
)
