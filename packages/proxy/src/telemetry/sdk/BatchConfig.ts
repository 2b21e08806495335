import { Duration } from "effect"
import type { Batching } from "../TelemetrySettings.ts"

/** Converts the settings of batches to the options of OpenTelemetry's batch processors. */
export const batchConfig = ({
  exportTimeout,
  maxExportBatchSize,
  maxQueueSize,
  scheduleDelay
}: Batching): {
  readonly scheduledDelayMillis: number
  readonly exportTimeoutMillis: number
  readonly maxQueueSize: number
  readonly maxExportBatchSize: number
} => ({
  scheduledDelayMillis: Duration.toMillis(scheduleDelay),
  exportTimeoutMillis: Duration.toMillis(exportTimeout),
  maxQueueSize,
  maxExportBatchSize
})
