import { Duration } from "effect"
import type { Batching } from "../TelemetrySettings.ts"

/** The settings of batches as OpenTelemetry's batch processors accept them. */
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
