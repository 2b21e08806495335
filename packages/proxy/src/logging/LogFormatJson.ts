import * as CauseText from "../text/CauseText.ts"
import type { LogRecord } from "./LogRecord.ts"
import { escape } from "../text/SafeText.ts"

const nothingToEscape = /^[ -~]*$/

/** RFC 3339 in UTC to the millisecond; made anew once a second, since it would be a third of a line's cost. */
const clock = (): ((date: Date) => string) => {
  let second = Number.NaN
  let prefix = ""
  return (date) => {
    const millis = date.getTime()
    const now = Math.floor(millis / 1000)
    if (now !== second) {
      second = now
      prefix = date.toISOString().slice(0, -4)
    }
    return `${prefix}${String(millis - now * 1000).padStart(3, "0")}Z`
  }
}

/**
 * One JSON object in one line: `time` (RFC 3339), `level`, `message`, the fields, `trace_id` and `span_id` inside a
 * span, `cause` and, for defects, `stack`.
 */
export const make = (): ((record: LogRecord) => string) => {
  const timeOf = clock()
  return ({ cause, date, fields, level, message, spanId, traceId }) => {
    const members = JSON.stringify(fields).slice(1, -1)
    let line = `{"time":"${timeOf(date)}","level":"${level}","message":${JSON.stringify(message)}`
    if (members !== "") line += `,${members}`
    if (traceId !== undefined)
      line += `,"trace_id":${JSON.stringify(traceId)},"span_id":${JSON.stringify(spanId)}`
    if (cause !== undefined) {
      line += `,"cause":${JSON.stringify(CauseText.oneLine(cause))}`
      const stack = CauseText.stack(cause)
      if (stack.length > 0) line += `,"stack":${JSON.stringify(stack)}`
    }
    // What JSON leaves as it is and a terminal does not can only stand inside strings, where an escape is right.
    return `${nothingToEscape.test(line) ? line : escape(line)}}`
  }
}
