import { Clock, Effect, Layer, Logger, LogLevel, Option, References } from "effect"
import * as AccessLog from "./AccessLog.ts"
import { Environment } from "../config/Environment.ts"
import * as LogFormatJson from "./LogFormatJson.ts"
import * as LogFormatPretty from "./LogFormatPretty.ts"
import * as LogRecord from "./LogRecord.ts"
import type { LogFormat } from "../config/LogSettings.ts"
import * as LogSink from "./LogSink.ts"
import * as LogStorms from "./LogStorms.ts"
import { LogTap, type Tap } from "./LogTap.ts"
import type { Settings } from "../config/Settings.ts"

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

/** How many lines of one message are written a minute: they may tell of different things, unlike those of one failure. */
const maxOfOneMessage = 20

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
      const tap: Tap = { take: undefined }
      const emit = (record: LogRecord.LogRecord): void => {
        write(format(record))
        tap.take?.(record)
      }
      const admit = yield* LogStorms.make(clock, emit)
      const access: AccessLog.Write = (entry, span, cause) => {
        const level = AccessLog.levelOf(entry)
        if (LogLevel.isLessThan(level, settings.logLevel)) return
        const record = {
          date: new Date(clock.currentTimeMillisUnsafe()),
          level: level.toLowerCase(),
          message: AccessLog.message,
          fields: { ...entry },
          traceId: span?.traceId,
          spanId: span?.spanId,
          cause
        }
        const kind = AccessLog.kindOf(entry)
        if (kind === undefined) emit(record)
        else admit(record, kind, 1)
      }
      const other = (record: LogRecord.LogRecord): void =>
        // Who asks for these wants all of them.
        record.level === "debug" || record.level === "trace"
          ? emit(record)
          : admit(record, `${record.level} ${record.message}`, maxOfOneMessage)
      return Layer.mergeAll(
        Logger.layer([Logger.make((options) => other(LogRecord.make(options)))]),
        Layer.succeed(References.MinimumLogLevel, settings.logLevel),
        Layer.succeed(AccessLog.Writer, access),
        Layer.succeed(LogTap, tap)
      )
    })
  )
