import * as CauseText from "../text/CauseText.ts"
import type { LogRecord } from "./LogRecord.ts"
import { escape } from "../text/SafeText.ts"

const reset = "\u001b[0m"
const dim = "\u001b[2m"
const colours: Readonly<Record<string, string>> = {
  trace: dim,
  debug: "\u001b[34m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
  fatal: "\u001b[1;31m"
}

const bare = /^[^\s"=\\{}[\],]+$/

const valueText = (value: unknown): string =>
  typeof value === "string" && bare.test(value) ? value : JSON.stringify(value)

/**
 * Makes a function that formats a record for people, as in `12:34:56.789 INFO message name=value`. The time is in UTC.
 * If the record has a cause, the second line describes the cause. Further lines have the stack traces of the cause's
 * defects.
 */
export const make =
  (options: { readonly colours: boolean }) =>
  (record: LogRecord): string => {
    const paint = (colour: string, text: string) =>
      options.colours && text !== "" ? `${colour}${text}${reset}` : text
    const time = record.date.toISOString().slice(11, 23)
    const level = record.level.toUpperCase().padEnd(5)
    const fields = Object.entries(record.fields).map(([name, value]) => ` ${name}=${valueText(value)}`)
    const trace = record.traceId === undefined ? "" : ` trace=${record.traceId}`
    const first = [
      paint(dim, time),
      paint(colours[record.level] ?? "", level),
      `${escape(record.message)}${paint(dim, escape(fields.join("") + trace))}`
    ].join(" ")
    if (record.cause === undefined) return first
    const stack = CauseText.defectStack(record.cause).map((line) => `\n    ${paint(dim, line)}`)
    return `${first}\n  ${CauseText.describeCause(record.cause)}${stack.join("")}`
  }
