import { Effect, type FileSystem, Layer } from "effect"
import type { UsageError } from "./config/UsageError.ts"
import { isOff, type TelemetrySettings } from "./telemetry/TelemetrySettings.ts"

/**
 * OpenTelemetry: exports traces of everything that runs under the layer, and optionally metrics and log lines.
 * Evaluates no OpenTelemetry module if all are off.
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
