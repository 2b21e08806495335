import { type FileSystem, Layer, Option } from "effect"
import type { UsageError } from "../../UsageError.ts"
import type { TelemetrySettings } from "../TelemetrySettings.ts"
import * as Resource from "./Resource.ts"
import * as Traces from "./Traces.ts"

/** OpenTelemetry's SDK, as the settings want it. All of it is reached through this module, which only `Telemetry` imports. */
export const layer = (settings: TelemetrySettings): Layer.Layer<never, UsageError, FileSystem.FileSystem> => {
  const resource = Resource.make(settings)
  return Option.match(settings.traces, {
    onNone: () => Layer.empty,
    onSome: (traces) => Traces.layer(traces, resource)
  })
}
