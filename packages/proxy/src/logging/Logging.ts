import { Clock, Effect, Layer, Logger, LogLevel, Option, Predicate, References } from "effect"
import * as AccessLog from "./AccessLog.ts"
import { ProcessEnvironment } from "../config/ProcessEnvironment.ts"
import * as LogFormatJson from "./LogFormatJson.ts"
import * as LogFormatPretty from "./LogFormatPretty.ts"
import * as LogRecord from "./LogRecord.ts"
import type { LogFormat } from "../config/LogSettings.ts"
import * as LogSink from "./LogSink.ts"
import * as LogRateLimit from "./LogRateLimit.ts"
import { LogTap, type LogDestination } from "./LogTap.ts"
import type { Settings } from "../config/Settings.ts"

const formatter = (
  format: LogFormat,
  { stdout, env }: ProcessEnvironment
): ((record: LogRecord.LogRecord) => string) =>
  format === "json"
    ? LogFormatJson.make()
    : LogFormatPretty.make({
        // NO_COLOR disables colours if it is set and not empty (no-color.org).
        colours: stdout.isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"
      })

/**
 * Maximum number of lines per minute with the same level, message and subject. It is more than 1, since such lines may
 * differ in other fields.
 */
const maxLinesPerMessage = 20

/** The fields that identify the subject of a line, such as the Kubernetes object that the line is about. */
const subjectFields = ["object", "feed", "kind", "name", "resource", "certificate", "review"]

const rateLimitKey = ({ fields, level, message }: LogRecord.LogRecord): string => {
  const subject = subjectFields.map((name) => fields[name]).filter(Predicate.isString)
  return [level, message, ...subject].join(" ")
}

/**
 * Writes log lines of at least `logLevel` to stdout, and passes them to `LogTap`. Limits the rate of repeated lines.
 * Writes nothing to stderr.
 */
export const layer = (settings: Pick<Settings, "logFormat" | "logLevel">): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const environment = yield* ProcessEnvironment
      const clock = yield* Clock.Clock
      const format = formatter(
        Option.getOrElse(settings.logFormat, () => (environment.stdout.isTerminal ? "pretty" : "json")),
        environment
      )
      const write = yield* LogSink.make(environment, (count) =>
        format({
          date: new Date(),
          level: "warn",
          message: "log lines dropped: the reader of stdout is too slow",
          fields: { count },
          traceId: undefined,
          spanId: undefined,
          cause: undefined
        })
      )
      const tap: LogDestination = { onRecord: undefined }
      const emit = (record: LogRecord.LogRecord): void => {
        write(format(record))
        tap.onRecord?.(record)
      }
      const emitLimited = yield* LogRateLimit.make(clock, emit)
      const access: AccessLog.LogRequest = (entry, span, cause) => {
        const level = AccessLog.levelOf(entry)
        if (LogLevel.isLessThan(level, settings.logLevel)) return
        const record = {
          date: new Date(clock.currentTimeMillisUnsafe()),
          level: level.toLowerCase(),
          message: AccessLog.message,
          fields: LogRecord.withoutUndefined(entry),
          traceId: span?.traceId,
          spanId: span?.spanId,
          cause
        }
        const key = AccessLog.rateLimitKey(entry)
        if (key === undefined) emit(record)
        else emitLimited(record, key, 1)
      }
      const other = (record: LogRecord.LogRecord): void =>
        // An operator who asks for these levels wants every line.
        record.level === "debug" || record.level === "trace"
          ? emit(record)
          : emitLimited(record, rateLimitKey(record), maxLinesPerMessage)
      return Layer.mergeAll(
        Logger.layer([Logger.make((options) => other(LogRecord.make(options)))]),
        Layer.succeed(References.MinimumLogLevel, settings.logLevel),
        Layer.succeed(AccessLog.RequestLineWriter, access),
        Layer.succeed(LogTap, tap)
      )
    })
  )
