import type { LogLevel } from "effect"

/** Something worth a log line; shows names, never values. */
export interface Report {
  readonly level: Extract<LogLevel.LogLevel, "Debug" | "Info" | "Warn">
  readonly message: string
}
