import { type FileSystem, Layer, Option } from "effect"
import type { UsageError } from "../../config/UsageError.ts"
import type { TelemetrySettings } from "../TelemetrySettings.ts"
import * as LogExport from "./LogExport.ts"
import * as MetricExport from "./MetricExport.ts"
import * as Resource from "./Resource.ts"
import * as Traces from "./Traces.ts"

type Part = Layer.Layer<never, UsageError, FileSystem.FileSystem>

const part = <A>(settings: Option.Option<A>, make: (settings: A) => Part): Part =>
  Option.match(settings, { onNone: () => Layer.empty, onSome: make })

/**
 * Exports the telemetry that the settings enable. Only `Telemetry.ts` imports this module, and it does so dynamically,
 * since the module loads all of OpenTelemetry.
 */
export const layer = ({ logs, metrics, traces, ...program }: TelemetrySettings): Part => {
  const resource = Resource.make(program)
  return Layer.mergeAll(
    part(traces, (settings) => Traces.layer(settings, resource)),
    part(metrics, (settings) => MetricExport.layer(settings, resource)),
    part(logs, (settings) => LogExport.layer(settings, resource))
  )
}
