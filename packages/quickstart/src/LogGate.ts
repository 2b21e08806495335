import type { ProcessEnvironment, Output } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect } from "effect"

/** An environment whose log lines do not run into the walk-through. */
export interface LogGate {
  readonly environment: ProcessEnvironment
  /** Lets lines pass from now on. The last ones held back are written first where `held` is told to be shown. */
  readonly open: (held: "shown" | "dropped") => Effect.Effect<void>
}

const mostHeld = 64 * 1024

/** Holds back what is written to the environment's output until the gate opens. */
export const make = (environment: ProcessEnvironment): LogGate => {
  const { args, onExit, onWarning, stderr, stdout, variables } = environment
  let isOpen = false
  let held = ""
  const hold = (text: string) => {
    held = (held + text).slice(-mostHeld)
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
    open: (what) =>
      Effect.sync(() => {
        isOpen = true
        if (what === "shown" && held !== "") stdout.write(held, () => {})
        held = ""
      })
  }
}
