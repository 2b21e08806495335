import { type Clock, Duration, Effect, FiberSet, type Scope } from "effect"
import type { LogRecord } from "./LogRecord.ts"

/** The time over which the lines of a key are counted. */
const windowMillis = Duration.toMillis("1 minute")

/** The number of keys with a limit. Lines of further keys are all written. */
const maxKeys = 1024

/** The lines of one key since its window began. */
interface Window {
  endsAt: number
  written: number
  lastSkipped: LogRecord | undefined
  skipped: number
}

/** Writes or skips a line. Of the lines with one key, `burst` are written in each window. */
export type WriteLimited = (record: LogRecord, key: string, burst: number) => void

/**
 * Limits the rate of log lines by key. When a minute ends in which lines of a key were skipped, writes the last of them
 * with a field `repeated`: the number of skipped lines.
 */
export const make = (
  clock: Clock.Clock,
  write: (record: LogRecord) => void
): Effect.Effect<WriteLimited, never, Scope.Scope> =>
  Effect.gen(function* () {
    const windows = new Map<string, Window>()
    const run = yield* FiberSet.makeRuntime<never>()

    const flush = (window: Window): void => {
      const { lastSkipped, skipped } = window
      window.lastSkipped = undefined
      window.skipped = 0
      if (lastSkipped !== undefined)
        write({ ...lastSkipped, fields: { ...lastSkipped.fields, repeated: skipped } })
    }

    yield* Effect.addFinalizer(() => Effect.sync(() => windows.forEach(flush)))

    const begin = (key: string, now: number): Window => {
      if (windows.size >= maxKeys) {
        for (const [key, { endsAt, lastSkipped }] of windows) {
          if (now >= endsAt && lastSkipped === undefined) windows.delete(key)
        }
      }
      const window = { endsAt: now + windowMillis, written: 0, lastSkipped: undefined, skipped: 0 }
      if (windows.size < maxKeys) windows.set(key, window)
      return window
    }

    /**
     * When the window ends, writes the last skipped line and begins the next window, in which all lines are skipped.
     */
    const flushLater = (window: Window, now: number): void => {
      run(
        Effect.andThen(
          Effect.sleep(Math.max(0, window.endsAt - now)),
          Effect.sync(() => {
            window.endsAt = clock.currentTimeMillisUnsafe() + windowMillis
            window.written = Number.POSITIVE_INFINITY
            flush(window)
          })
        )
      )
    }

    return (record, key, burst) => {
      const now = clock.currentTimeMillisUnsafe()
      const current = windows.get(key)
      const isOver = current === undefined || (now >= current.endsAt && current.lastSkipped === undefined)
      const window = isOver ? begin(key, now) : current
      if (window.written < burst) {
        window.written++
        return write(record)
      }
      window.skipped++
      window.lastSkipped = record
      if (window.skipped === 1) flushLater(window, now)
    }
  })
