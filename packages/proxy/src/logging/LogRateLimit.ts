import { type Clock, Duration, Effect, FiberSet, type Scope } from "effect"
import type { LogRecord } from "./LogRecord.ts"

/** The length of a window, in milliseconds. The lines with the same key are counted for each window. */
const windowMillis = Duration.toMillis("1 minute")

/** Maximum number of keys whose lines are counted. Lines with any further key are always written. */
const maxKeys = 1024

/** The counts of one key in its current window. `endsAt` is in milliseconds since the epoch. */
interface Window {
  endsAt: number
  written: number
  lastSkipped: LogRecord | undefined
  skipped: number
}

/**
 * Writes a line. Skips the line instead if `burst` lines with the same key were already written in the key's current
 * window.
 */
export type WriteLimited = (record: LogRecord, key: string, burst: number) => void

/**
 * Makes a function that limits the rate of log lines by key. If it skipped lines of a key in a window, it writes the
 * last of them when the window ends or the scope closes. The field `repeated` of this line is the number of skipped
 * lines.
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
     * When the window ends, writes the last line that was skipped in it, and begins the key's next window. In the next
     * window, all lines are skipped, and the last of them is written when that window ends.
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
