import type { Environment, Output } from "@registry-packages-proxy/proxy/config/Environment"
import { Effect } from "effect"

/** An environment whose log lines do not run into the walk-through. */
export interface LogGate {
  readonly environment: Environment
  /** Lets lines pass from now on. The last ones held back are written first where `held` is told to be shown. */
  readonly open: (held: "shown" | "dropped") => Effect.Effect<void>
}

const mostHeld = 64 * 1024

/** Holds back what is written to the environment's output until the gate opens. */
export const make = (environment: Environment): LogGate => {
  const { args, errors, onExit, onWarning, output, variables } = environment
  let isOpen = false
  let held = ""
  const hold = (text: string) => {
    held = (held + text).slice(-mostHeld)
  }
  const gated: Output = {
    isTerminal: output.isTerminal,
    write: (text, done) => {
      if (isOpen) return output.write(text, done)
      hold(text)
      return setImmediate(done)
    },
    writeNow: (text) => (isOpen ? output.writeNow(text) : hold(text))
  }
  return {
    environment: { args, errors, onExit, onWarning, output: gated, variables },
    open: (what) =>
      Effect.sync(() => {
        isOpen = true
        if (what === "shown" && held !== "") output.write(held, () => {})
        held = ""
      })
  }
}
