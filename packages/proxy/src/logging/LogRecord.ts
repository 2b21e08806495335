import { type Cause, type Logger, Option, Redactable, References } from "effect"
import * as CauseText from "../text/CauseText.ts"
import { shorten } from "../text/SafeText.ts"

/** The content of a log line before it is formatted. It contains no secret. */
export interface LogRecord {
  readonly date: Date
  readonly level: string
  readonly message: string
  /**
   * The log annotations, the log spans in milliseconds, and the fields of logged objects. Each value is a JSON value
   * and never `undefined`.
   */
  readonly fields: Readonly<Record<string, unknown>>
  readonly traceId: string | undefined
  readonly spanId: string | undefined
  readonly cause: Cause.Cause<unknown> | undefined
}

// A field with one of these names gets an underscore prefix.
const reserved = new Set(["time", "level", "message", "trace_id", "span_id", "cause", "stack"])

const maxText = 2000
const maxItems = 50
const maxDepth = 4

const levels: Readonly<Record<string, string>> = {
  Trace: "trace",
  Debug: "debug",
  Info: "info",
  Warn: "warn",
  Error: "error",
  Fatal: "fatal"
}

/**
 * Returns a copy without the fields whose value is `undefined`. JSON would omit these fields anyway, but the pretty
 * format and OTLP would not.
 */
export const withoutUndefined = <Fields extends object>(fields: Fields): Record<string, unknown> => {
  const defined: Record<string, unknown> = {}
  for (const name in fields) {
    if (fields[name] !== undefined) defined[name] = fields[name]
  }
  return defined
}

const isPlain = (value: object): value is Record<string, unknown> => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const complex = (value: object, depth: number): unknown => {
  if (depth === maxDepth) return "…"
  if (value instanceof Error) return CauseText.describeError(value)
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`
  if (Option.isOption(value)) return Option.isSome(value) ? toJsonValue(value.value, depth) : undefined
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => toJsonValue(item, depth + 1))
  if ("toJSON" in value && typeof value.toJSON === "function")
    return toJsonValue((value.toJSON as () => unknown)(), depth + 1)
  if (isPlain(value)) {
    return withoutUndefined(
      Object.fromEntries(
        Object.entries(value)
          .slice(0, maxItems)
          .map(([name, item]) => [name, toJsonValue(item, depth + 1)])
      )
    )
  }
  return Object.prototype.toString.call(value)
}

/**
 * Converts a value to a JSON value. Redacts secrets, describes errors, and truncates long texts, long arrays and deep
 * objects. Never throws.
 */
export const toJsonValue = (value: unknown, depth = 0): unknown => {
  switch (typeof value) {
    case "string":
      return shorten(value, maxText)
    case "number":
      return Number.isFinite(value) ? value : String(value)
    case "boolean":
    case "undefined":
      return value
    case "object":
      if (value === null) return null
      try {
        const shown = Redactable.redact(value)
        return shown !== value || typeof shown !== "object"
          ? toJsonValue(shown, depth + 1)
          : complex(value, depth)
      } catch {
        return "<unreadable>"
      }
    default:
      return String(value)
  }
}

const add = (fields: Record<string, unknown>, source: Readonly<Record<string, unknown>>): void => {
  for (const name in source) {
    const shown = toJsonValue(source[name])
    if (shown !== undefined) fields[reserved.has(name) ? `_${name}` : name] = shown
  }
}

/**
 * Makes a record from the arguments of an Effect logger. Texts become the message. The properties of objects become
 * fields.
 */
export const make = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): LogRecord => {
  const fields: Record<string, unknown> = {}
  add(fields, fiber.getRef(References.CurrentLogAnnotations))
  let text = ""
  const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  for (const part of parts) {
    if (typeof part === "object" && part !== null && isPlain(part)) add(fields, part)
    else if (part instanceof Error) fields["error"] = CauseText.describeError(part)
    else
      text += `${text === "" ? "" : " "}${typeof part === "string" ? shorten(part, maxText) : String(toJsonValue(part))}`
  }
  const now = date.getTime()
  for (const [label, began] of fiber.getRef(References.CurrentLogSpans)) fields[`${label}_ms`] = now - began
  const { span } = fiber.cache
  return {
    date,
    level: levels[logLevel] ?? logLevel,
    message: text,
    fields,
    traceId: span?.traceId,
    spanId: span?.spanId,
    cause: cause.reasons.length > 0 ? cause : undefined
  }
}
