import type { LogLevel } from "effect"

/**
 * A log line of the store. The message is constant. The fields may contain the name of an object, but none of its other
 * values.
 */
export interface LogEvent {
  readonly level: Extract<LogLevel.LogLevel, "Debug" | "Info" | "Warn">
  readonly message: string
  readonly fields: Readonly<Record<string, string | number>>
}
