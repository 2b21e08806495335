import { type Clock, Effect, FiberSet, type Scope } from "effect"
import type { LogRecord } from "./LogRecord.ts"

/** How long lines of one kind are gathered, in milliseconds, once there are too many. */
export const windowMillis = 60_000

/** How many kinds are told apart; of more, every line is written. */
const maxKinds = 1024

/** The lines of one kind since its window began. */
interface Window {
  endsAt: number
  written: number
  /** The last line that was left out, and how many were. */
  last: LogRecord | undefined
  leftOut: number
}

/** Passes a line on, or leaves it out. `burst` lines of a kind pass in a window. */
export type Admit = (record: LogRecord, kind: string, burst: number) => void

/**
 * Lets no storm into the log: of a kind's lines a few are written a minute, and for the others, at the minute's end, the last
 * of them with `repeated`, how many it stands for.
 */
export const make = (
  clock: Clock.Clock,
  write: (record: LogRecord) => void
): Effect.Effect<Admit, never, Scope.Scope> =>
  Effect.gen(function* () {
    const windows = new Map<string, Window>()
    const run = yield* FiberSet.makeRuntime<never>()

    const flush = (window: Window): void => {
      const { last, leftOut } = window
      window.last = undefined
      window.leftOut = 0
      if (last !== undefined) write({ ...last, fields: { ...last.fields, repeated: leftOut } })
    }

    // What was left out is told before the program ends.
    yield* Effect.addFinalizer(() => Effect.sync(() => windows.forEach(flush)))

    const begin = (kind: string, now: number): Window => {
      if (windows.size >= maxKinds) {
        for (const [name, { endsAt, last }] of windows) {
          if (now >= endsAt && last === undefined) windows.delete(name)
        }
      }
      const window = { endsAt: now + windowMillis, written: 0, last: undefined, leftOut: 0 }
      if (windows.size < maxKinds) windows.set(kind, window)
      return window
    }

    /** Writes the last line once the window is over, which begins the next one. */
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

    return (record, kind, burst) => {
      const now = clock.currentTimeMillisUnsafe()
      const known = windows.get(kind)
      const isOver = known === undefined || (now >= known.endsAt && known.last === undefined)
      const window = isOver ? begin(kind, now) : known
      if (window.written < burst) {
        window.written++
        return write(record)
      }
      window.leftOut++
      window.last = record
      if (window.leftOut === 1) flushLater(window, now)
    }
  })
