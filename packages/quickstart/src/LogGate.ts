import type { ProcessEnvironment, Output } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect } from "effect"

/** A process environment whose standard output is held back until the gate opens. */
export interface LogGate {
  readonly environment: ProcessEnvironment
  /** Opens the gate. First writes the held text if `held` is `shown`. */
  readonly open: (held: "shown" | "dropped") => Effect.Effect<void>
}

/** Characters that are held back; earlier ones are dropped. */
const maxHeldChars = 64 * 1024

/** Wraps the environment, so that log lines do not interrupt the walk-through. */
export const make = (environment: ProcessEnvironment): LogGate => {
  const { args, onExit, onWarning, stderr, stdout, variables } = environment
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
    environment: { args, onExit, onWarning, stderr, stdout: gated, variables },
    open: (show) =>
      Effect.sync(() => {
        isOpen = true
        if (show === "shown" && held !== "") stdout.write(held, () => {})
        held = ""
      })
  }
}
