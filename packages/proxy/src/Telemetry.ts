import { Effect, type FileSystem, Layer } from "effect"
import type { UsageError } from "./config/UsageError.ts"
import { isOff, type TelemetrySettings } from "./telemetry/TelemetrySettings.ts"

/**
 * Exports traces, metrics and log lines with OpenTelemetry, each only if the settings enable it. Traces cover all
 * effects to which this layer is provided. If all three are disabled, loads no OpenTelemetry module.
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
