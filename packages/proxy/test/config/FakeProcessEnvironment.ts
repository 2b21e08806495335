import type { ProcessEnvironment } from "../../src/config/ProcessEnvironment.ts"

/**
 * Makes a process environment that records all output. While `state.isStuck` is true, `write` waits for `release`.
 * `writeNow` never waits.
 */
export const make = (
  options: { readonly isTerminal?: boolean; readonly env?: ProcessEnvironment["env"] } = {}
) => {
  const listeners = new Set<() => void>()
  const warningListeners = new Set<(warning: Error) => void>()
  const writes: Array<string> = []
  const errorWrites: Array<string> = []
  const held: Array<() => void> = []
  const state = { isStuck: false }
  const outputTo = (texts: Array<string>) => ({
    isTerminal: options.isTerminal ?? false,
    write: (text: string, done: () => void) => {
      const take = () => {
        texts.push(text)
        done()
      }
      if (state.isStuck) held.push(take)
      else setImmediate(take)
    },
    writeNow: (text: string) => {
      if (text !== "") texts.push(text)
    }
  })
  const environment: ProcessEnvironment = {
    args: [],
    env: options.env ?? {},
    stdout: outputTo(writes),
    stderr: outputTo(errorWrites),
    onExit: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onWarning: (listener) => {
      warningListeners.add(listener)
      return () => warningListeners.delete(listener)
    }
  }
  return {
    environment,
    writes,
    errorWrites,
    state,
    lines: () => writes.join("").split("\n").slice(0, -1),
    release: () => {
      state.isStuck = false
      for (const take of held.splice(0)) take()
    },
    exit: () => {
      for (const listener of listeners) listener()
    },
    exitListeners: () => listeners.size,
    warn: (warning: Error) => {
      for (const listener of warningListeners) listener(warning)
    },
    warningListeners: () => warningListeners.size
  }
}
