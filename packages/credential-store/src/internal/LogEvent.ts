import type { LogLevel } from "effect"

/** A log line of the store: a constant message, and fields with names but never values of objects. */
export interface LogEvent {
  readonly level: Extract<LogLevel.LogLevel, "Debug" | "Info" | "Warn">
  readonly message: string
  readonly fields: Readonly<Record<string, string | number>>
}
