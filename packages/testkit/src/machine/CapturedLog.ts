import { Layer, Logger, type LogLevel, References } from "effect"

/**
 * Captured log lines. Each line has the format `<level> <message> <fields> <cause>`, with the fields and the cause in
 * JSON.
 */
export interface CapturedLog {
  readonly lines: Array<string>
  readonly layer: Layer.Layer<never>
  /** Returns the lines that contain all of these strings. */
  readonly matching: (...words: ReadonlyArray<string>) => ReadonlyArray<string>
}

/**
 * Makes a logger `layer` that captures log lines of level `minimum` and above. The layer replaces all other loggers, so
 * nothing is printed.
 */
export const captureLog = (minimum: LogLevel.LogLevel = "All"): CapturedLog => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    const parts = [message].flat().map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
    lines.push([logLevel, ...parts, JSON.stringify(cause)].join(" "))
  })
  return {
    lines,
    layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, minimum)),
    matching: (...words) => lines.filter((line) => words.every((word) => line.includes(word)))
  }
}
