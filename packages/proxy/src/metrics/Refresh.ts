import { Context, type Effect } from "effect"

/**
 * Effects that update metrics which are not counted as they change. An exporter provides the set, and runs its effects
 * before it reads metrics. Undefined if only /metrics reads them.
 */
export const Refresh = Context.Reference<Set<Effect.Effect<void>> | undefined>(
  "@registry-packages-proxy/proxy/metrics/Refresh",
  { defaultValue: () => undefined }
)
