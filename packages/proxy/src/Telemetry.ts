import { Effect, type FileSystem, Layer } from "effect"
import type { UsageError } from "./config/UsageError.ts"
import { isOff, type TelemetrySettings } from "./telemetry/TelemetrySettings.ts"

/**
 * What OpenTelemetry does, by the settings: traces of all that runs under the layer, metrics and log lines beside where they
 * go anyway. Where it is off, not a module of it is evaluated.
 */
export const layer = (settings: TelemetrySettings): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  isOff(settings)
    ? Layer.empty
    : Layer.unwrap(
        Effect.map(
          Effect.promise(() => import("./telemetry/sdk/Sdk.ts")),
          (Sdk) => Sdk.layer(settings)
        )
      )
