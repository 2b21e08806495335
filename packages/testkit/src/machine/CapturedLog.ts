import { Layer, Logger, type LogLevel, References } from "effect"

/** Log lines as `LEVEL message fields cause`; fields and cause as JSON. */
export interface CapturedLog {
  readonly lines: Array<string>
  readonly layer: Layer.Layer<never>
  /** Lines that contain all of these words. */
  readonly matching: (...words: ReadonlyArray<string>) => ReadonlyArray<string>
}

/** Captures lines of `minimum` level and above, and prints nothing. */
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
