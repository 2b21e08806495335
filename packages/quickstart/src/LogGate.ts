import type { ProcessEnvironment, Output } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect } from "effect"

/** A process environment that buffers its standard output until `open` is called. */
export interface LogGate {
  readonly environment: ProcessEnvironment
  /** Ends buffering. Writes the buffered text (`shown`) or discards it (`dropped`). */
  readonly open: (held: "shown" | "dropped") => Effect.Effect<void>
}

/** The maximum length of the buffered text, in characters. Older text is discarded. */
const maxHeldChars = 64 * 1024

/** Wraps a process environment, so that no log line interrupts the walk-through. */
export const make = (environment: ProcessEnvironment): LogGate => {
  const { args, onExit, onWarning, stderr, stdout, env } = environment
  let isOpen = false
  let held = ""
  const hold = (text: string) => {
    held = (held + text).slice(-maxHeldChars)
  }
  const gated: Output = {
    isTerminal: stdout.isTerminal,
    write: (text, done) => {
      if (isOpen) return stdout.write(text, done)
      hold(text)
      return setImmediate(done)
    },
    writeNow: (text) => (isOpen ? stdout.writeNow(text) : hold(text))
  }
  return {
    environment: { args, onExit, onWarning, stderr, stdout: gated, env },
    open: (show) =>
      Effect.sync(() => {
        isOpen = true
        if (show === "shown" && held !== "") stdout.write(held, () => {})
        held = ""
      })
  }
}
