import { Context } from "effect"

// Not imported: as a module it evaluates its lazy exports, which stay resident.
const { writeSync } = process.getBuiltinModule("node:fs")

/** One of the process's two outputs. */
export interface Output {
  readonly isTerminal: boolean
  /** Writes in the background; `done` is called once the system has the text, or never will. */
  readonly write: (text: string, done: () => void) => void
  /** Writes at once what the system takes without waiting; for when the process is about to end. */
  readonly writeNow: (text: string) => void
}

/** What the process was started with and where it writes. This module alone touches either. */
export interface Environment {
  /** The arguments without those of Node. */
  readonly args: ReadonlyArray<string>
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly output: Output
  readonly errors: Output
  /** Calls `listener` as the process ends, however it ends; what is returned takes that back. */
  readonly onExit: (listener: () => void) => () => void
  /** Calls `listener` with Node's warnings, and nothing else does; what is returned takes that back. */
  readonly onWarning: (listener: (warning: Error) => void) => () => void
}

const outputOf = (stream: typeof process.stdout | typeof process.stderr): Output => {
  // A reader that went away (`| head`) ends the output, not the program; each write's callback hears of it too.
  stream.on("error", () => {})
  return {
    isTerminal: stream.isTTY,
    write: (text, done) => {
      stream.write(text, () => done())
    },
    writeNow: (text) => {
      try {
        writeSync(stream.fd, text)
      } catch {
        // A full or closed pipe, with no time left to wait for it.
      }
    }
  }
}

/** The environment of this process; tests provide another. */
export const Environment = Context.Reference<Environment>("@registry-packages-proxy/proxy/Environment", {
  defaultValue: () => ({
    args: process.argv.slice(2),
    variables: process.env,
    output: outputOf(process.stdout),
    errors: outputOf(process.stderr),
    onExit: (listener) => {
      process.on("exit", listener)
      return () => process.removeListener("exit", listener)
    },
    onWarning: (listener) => {
      // Node's own prints them.
      const others = process.listeners("warning")
      for (const other of others) process.removeListener("warning", other)
      process.on("warning", listener)
      return () => {
        process.removeListener("warning", listener)
        for (const other of others) process.on("warning", other)
      }
    }
  })
})
