import { Duration, Effect, Latch, type Scope } from "effect"
import type { ProcessEnvironment } from "../config/ProcessEnvironment.ts"

/** Maximum number of characters that are buffered for a slow reader of stdout. Further lines are dropped. */
export const maxBufferedChars = 1024 * 1024

/** Maximum time that a closing scope waits until the reader of stdout has accepted the buffered lines. */
export const drainTimeout = Duration.seconds(1)

/**
 * Makes a function that writes a line to stdout through a buffer. All lines of one turn of the event loop are written
 * at once, and at most one write is in progress. Lines beyond `maxBufferedChars` are dropped. `droppedLine` makes a
 * line that reports the number of dropped lines. The buffer is flushed when the scope closes or the process exits.
 */
export const make = (
  { onExit, stdout }: ProcessEnvironment,
  droppedLine: (count: number) => string
): Effect.Effect<(line: string) => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const idle = yield* Latch.make(true)
    let buffer = ""
    let dropped = 0
    let isScheduled = false
    let isWriting = false
    let isClosed = false

    const takeBuffer = (): string => {
      const text = dropped === 0 ? buffer : `${buffer}${droppedLine(dropped)}\n`
      buffer = ""
      dropped = 0
      return text
    }
    const flush = (): void => {
      isScheduled = false
      if (isWriting) return
      const text = takeBuffer()
      if (text === "") {
        idle.openUnsafe()
        return
      }
      isWriting = true
      stdout.write(text, () => {
        isWriting = false
        flush()
      })
    }
    const write = (line: string): void => {
      if (isClosed) return stdout.writeNow(`${line}\n`)
      if (buffer.length + line.length >= maxBufferedChars) {
        dropped++
        return
      }
      buffer += `${line}\n`
      if (isScheduled || isWriting) return
      isScheduled = true
      idle.closeUnsafe()
      setImmediate(flush)
    }

    yield* Effect.acquireRelease(
      Effect.sync(() => onExit(() => stdout.writeNow(takeBuffer()))),
      (removeListener) =>
        Effect.gen(function* () {
          yield* Effect.timeoutOption(Effect.interruptible(idle.await), drainTimeout)
          isClosed = true
          stdout.writeNow(takeBuffer())
          removeListener()
        })
    )
    return write
  })
