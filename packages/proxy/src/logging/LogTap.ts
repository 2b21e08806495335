import { Context } from "effect"
import type { LogRecord } from "./LogRecord.ts"

/** A second destination for log records, besides stdout. `onRecord` is undefined while nobody listens. */
export interface Tap {
  onRecord: ((record: LogRecord) => void) | undefined
}

/** The tap of the program's log. Undefined if the program logs without `Logging.layer`. */
export const LogTap = Context.Reference<Tap | undefined>("@registry-packages-proxy/proxy/LogTap", {
  defaultValue: () => undefined
})
