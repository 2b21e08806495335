import { Context } from "effect"
import type { LogRecord } from "./LogRecord.ts"

/** A second destination for log records, in addition to stdout. `onRecord` is undefined while no exporter uses it. */
export interface LogDestination {
  onRecord: ((record: LogRecord) => void) | undefined
}

/**
 * The destination of the program's log in addition to stdout. Undefined if the program logs without `Logging.layer`.
 */
export const LogTap = Context.Reference<LogDestination | undefined>("@registry-packages-proxy/proxy/LogTap", {
  defaultValue: () => undefined
})
