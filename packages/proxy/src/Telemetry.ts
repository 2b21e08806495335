import { Effect, type FileSystem, Layer } from "effect"
import type { UsageError } from "./config/UsageError.ts"
import { isOff, type TelemetrySettings } from "./telemetry/TelemetrySettings.ts"

/**
 * Exports telemetry with OpenTelemetry: traces of everything that runs under the layer, metrics, and log lines. Each of
 * the three is exported only if the settings enable it. If all are off, no OpenTelemetry module is loaded.
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
