import { Result, Schema } from "effect"
import { textSchema } from "../text/TextSchema.ts"

const Severity = Schema.Literals(["Trace", "Debug", "Info", "Warn", "Error"])

/**
 * The minimum severity of log lines, as Effect names it. Decodes names regardless of upper and lower case, and encodes
 * them in lower case.
 */
export const LogLevel = textSchema(
  Severity,
  (text) => {
    const level = Severity.literals.find((level) => level.toLowerCase() === text.toLowerCase())
    return level === undefined ? Result.fail("is not a level") : Result.succeed(level)
  },
  (level) => level.toLowerCase()
)
export type LogLevel = typeof LogLevel.Type

/** The format of log lines. `json` is for machines, `pretty` is for people. */
export const LogFormat = Schema.Literals(["json", "pretty"])
export type LogFormat = typeof LogFormat.Type
