import { Clock, Effect, Layer, Logger, LogLevel, Option, References } from "effect"
import * as AccessLog from "./AccessLog.ts"
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

/** Logs to the environment's output, and to nowhere else, from the given level on. */
export const layer = (settings: Pick<Settings, "logFormat" | "logLevel">): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const environment = yield* Environment
      const clock = yield* Clock.Clock
      const format = formatter(
        Option.getOrElse(settings.logFormat, () => (environment.output.isTerminal ? "pretty" : "json")),
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
      const access: AccessLog.Write = (entry, span) =>
        write(
          format({
            date: new Date(clock.currentTimeMillisUnsafe()),
            level: "info",
            message: AccessLog.message,
            fields: { ...entry },
            traceId: span?.traceId,
            spanId: span?.spanId,
            cause: undefined
          })
        )
      return Layer.mergeAll(
        Logger.layer([Logger.make((options) => write(format(LogRecord.make(options))))]),
        Layer.succeed(References.MinimumLogLevel, settings.logLevel),
        Layer.succeed(AccessLog.Writer, LogLevel.isGreaterThan(settings.logLevel, "Info") ? () => {} : access)
      )
    })
  )
