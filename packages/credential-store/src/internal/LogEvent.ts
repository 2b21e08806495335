import type { LogLevel } from "effect"

/**
 * A log line of the store. The message is constant. The fields may contain an object's name, but no other value of it.
 */
export interface LogEvent {
  readonly level: Extract<LogLevel.LogLevel, "Debug" | "Info" | "Warn">
  readonly message: string
  readonly fields: Readonly<Record<string, string | number>>
}
