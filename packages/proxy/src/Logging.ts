import { Effect, Layer, Logger, Option, References, type Scope } from "effect"
import { Environment } from "./Environment.ts"
import * as LogFormatJson from "./LogFormatJson.ts"
import * as LogFormatPretty from "./LogFormatPretty.ts"
import * as LogRecord from "./LogRecord.ts"
import type { LogFormat } from "./LogSettings.ts"
import * as LogSink from "./LogSink.ts"
import type { Settings } from "./Settings.ts"

const formatter = (
  format: LogFormat,
  { output, variables }: Environment
): ((record: LogRecord.LogRecord) => string) =>
  format === "json"
    ? LogFormatJson.make()
    : LogFormatPretty.make({
        // no-color.org: set and not empty.
        colours: output.isTerminal && (variables["NO_COLOR"] ?? "") === "" && variables["TERM"] !== "dumb"
      })

const make = (
  given: Settings["logFormat"]
): Effect.Effect<Logger.Logger<unknown, void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const environment = yield* Environment
    const format = formatter(
      Option.getOrElse(given, () => (environment.output.isTerminal ? "pretty" : "json")),
      environment
    )
    const write = yield* LogSink.make(environment, (count) =>
      format({
        date: new Date(),
        level: "warn",
        message: "log lines dropped, their reader is too slow",
        fields: { count },
        traceId: undefined,
        spanId: undefined,
        cause: undefined
      })
    )
    return Logger.make((options) => write(format(LogRecord.make(options))))
  })

/** Logs to the environment's output, and to nowhere else, from the given level on. */
export const layer = (settings: Pick<Settings, "logFormat" | "logLevel">): Layer.Layer<never> =>
  Layer.mergeAll(
    Logger.layer([make(settings.logFormat)]),
    Layer.succeed(References.MinimumLogLevel, settings.logLevel)
  )
