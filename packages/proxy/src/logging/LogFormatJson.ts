import * as CauseText from "../text/CauseText.ts"
import type { LogRecord } from "./LogRecord.ts"
import { escape } from "../text/SafeText.ts"

const nothingToEscape = /^[ -~]*$/

/**
 * Makes a function that formats dates as RFC 3339 in UTC, with milliseconds. It caches the text of the current second,
 * since formatting that text for each line would be a third of the cost of a line.
 */
const timeFormatter = (): ((date: Date) => string) => {
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
 * Makes a function that formats a record as a JSON object in one line. The object has `time` (RFC 3339), `level`,
 * `message` and the record's fields. A line in a span also has `trace_id` and `span_id`. A line with a cause also has
 * `cause` and, for a defect, `stack`.
 */
export const make = (): ((record: LogRecord) => string) => {
  const formatTime = timeFormatter()
  return ({ cause, date, fields, level, message, spanId, traceId }) => {
    const members = JSON.stringify(fields).slice(1, -1)
    let line = `{"time":"${formatTime(date)}","level":"${level}","message":${JSON.stringify(message)}`
    if (members !== "") line += `,${members}`
    if (traceId !== undefined)
      line += `,"trace_id":${JSON.stringify(traceId)},"span_id":${JSON.stringify(spanId)}`
    if (cause !== undefined) {
      line += `,"cause":${JSON.stringify(CauseText.describeCause(cause))}`
      const stack = CauseText.defectStack(cause)
      if (stack.length > 0) line += `,"stack":${JSON.stringify(stack)}`
    }
    // JSON.stringify does not escape some characters that control a terminal. They are inside strings, where escapes
    // are valid.
    return `${nothingToEscape.test(line) ? line : escape(line)}}`
  }
}
