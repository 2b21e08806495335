import { Duration, Result, Schema } from "effect"
import { textSchema } from "../text/TextSchema.ts"

// The syntax of Go's time.ParseDuration, which Kubernetes uses for metav1.Duration. Effect's own syntax differs, as in
// "30 seconds".
const pattern = /^(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$/
const part = /([0-9.]+)(ns|us|µs|μs|ms|s|m|h)/g
const millisecondsPer: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000
}

const maxMilliseconds = 24 * 3_600_000

/**
 * Parses a Go duration, such as `1m30s`, and rounds it up to whole milliseconds. Fails if it is negative or longer than
 * 24 h, or if a number has no unit. Only `0` needs no unit.
 */
export const parse = (text: string): Result.Result<Duration.Duration, string> => {
  if (text === "0") return Result.succeed(Duration.zero)
  if (/^[0-9.]+$/.test(text)) return Result.fail("has no unit")
  if (text.startsWith("-")) return Result.fail("is negative")
  if (!pattern.test(text)) return Result.fail("is not a duration")
  let milliseconds = 0
  for (const [, amount, unit = ""] of text.matchAll(part))
    milliseconds += Number(amount) * (millisecondsPer[unit] ?? 0)
  // Sums such as 0.1s + 200ms have a rounding error far below a nanosecond, which must not round up to a millisecond.
  const rounded = Math.ceil(milliseconds - 1e-7)
  return rounded > maxMilliseconds
    ? Result.fail("is more than 24h")
    : Result.succeed(Duration.millis(rounded))
}

/**
 * Formats a duration in Go's syntax and omits units with the amount 0. For example, 90 s become `1m30s`, and one hour
 * becomes `1h`.
 */
export const format = (duration: Duration.Duration): string => {
  const milliseconds = Duration.toMillis(duration)
  const hours = Math.floor(milliseconds / 3_600_000)
  const minutes = Math.floor(milliseconds / 60_000) % 60
  const rest = milliseconds % 60_000
  const seconds = rest === 0 ? "" : rest < 1_000 ? `${rest}ms` : `${rest / 1_000}s`
  const text = `${hours === 0 ? "" : `${hours}h`}${minutes === 0 ? "" : `${minutes}m`}${seconds}`
  return text === "" ? "0s" : text
}

/** A duration from 0 to 24 h, written as in Go and Kubernetes, such as `30s`, `1m30s` or `500ms`. */
export const GoDuration = textSchema(Schema.Duration, parse, format)
