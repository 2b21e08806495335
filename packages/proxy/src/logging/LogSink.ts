import { Effect, Latch, type Scope } from "effect"
import type { Environment } from "../config/Environment.ts"

/** How many characters wait for a slow reader before lines are dropped. */
export const maxWaiting = 1024 * 1024

/** How long the scope's end waits for a reader that takes nothing. */
export const drainTimeout = "1 second"

/**
 * A function that writes a line to the environment's output. The lines of one turn of the event loop are one write, and
 * one write is out at a time. Past `maxWaiting` lines are dropped and counted, and `dropped` makes the line that says so.
 * When the scope ends, or the process, all that waits is written first.
 */
export const make = (
  { onExit, output }: Environment,
  dropped: (count: number) => string
): Effect.Effect<(line: string) => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const idle = yield* Latch.make(true)
    let waiting = ""
    let lost = 0
    let isScheduled = false
    let isWriting = false
    let isOver = false

    const take = (): string => {
      const text = lost === 0 ? waiting : `${waiting}${dropped(lost)}\n`
      waiting = ""
      lost = 0
      return text
    }
    const flush = (): void => {
      isScheduled = false
      if (isWriting) return
      const text = take()
      if (text === "") {
        idle.openUnsafe()
        return
      }
      isWriting = true
      output.write(text, () => {
        isWriting = false
        flush()
      })
    }
    const write = (line: string): void => {
      if (isOver) return output.writeNow(`${line}\n`)
      if (waiting.length + line.length >= maxWaiting) {
        lost++
        return
      }
      waiting += `${line}\n`
      if (isScheduled || isWriting) return
      isScheduled = true
      idle.closeUnsafe()
      setImmediate(flush)
    }

    yield* Effect.acquireRelease(
      Effect.sync(() => onExit(() => output.writeNow(take()))),
      (forget) =>
        Effect.gen(function* () {
          yield* Effect.timeoutOption(Effect.interruptible(idle.await), drainTimeout)
          isOver = true
          output.writeNow(take())
          forget()
        })
    )
    return write
  })
