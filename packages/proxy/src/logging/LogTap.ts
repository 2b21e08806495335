import { Context } from "effect"
import type { LogRecord } from "./LogRecord.ts"

/** Where log lines go besides the output, while somebody takes them. */
export interface Tap {
  take: ((record: LogRecord) => void) | undefined
}

/** The tap of this program's log; undefined where its lines go through no output of ours. */
export const LogTap = Context.Reference<Tap | undefined>("@registry-packages-proxy/proxy/LogTap", {
  defaultValue: () => undefined
})
