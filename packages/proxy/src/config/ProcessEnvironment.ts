import { Context } from "effect"

// Not imported: an import evaluates the module's lazy exports, which stay in memory.
const { writeSync } = process.getBuiltinModule("node:fs")

/** Standard output or standard error. */
export interface Output {
  readonly isTerminal: boolean
  /** Writes in the background; calls `done` once the text is written or has failed to be. */
  readonly write: (text: string, done: () => void) => void
  /** Writes synchronously as much as the stream accepts without waiting; for a process that is about to end. */
  readonly writeNow: (text: string) => void
}

/** The process's arguments, variables, outputs and events. Only this module accesses them. */
export interface ProcessEnvironment {
  /** The arguments without those of Node. */
  readonly args: ReadonlyArray<string>
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly stdout: Output
  readonly stderr: Output
  /** Calls `listener` when the process exits for any reason. Returns a function that removes the listener. */
  readonly onExit: (listener: () => void) => () => void
  /** Makes `listener` the only listener of Node's warnings. Returns a function that restores the previous ones. */
  readonly onWarning: (listener: (warning: Error) => void) => () => void
}

const outputOf = (stream: typeof process.stdout | typeof process.stderr): Output => {
  // A reader that closes the pipe (`| head`) ends the output, not the program. Each write's callback gets the error
  // too.
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
        // The pipe is full or closed, and there is no time left to wait.
      }
    }
  }
}

/** The environment of this process; tests provide another. */
export const ProcessEnvironment = Context.Reference<ProcessEnvironment>(
  "@registry-packages-proxy/proxy/ProcessEnvironment",
  {
    defaultValue: () => ({
      args: process.argv.slice(2),
      variables: process.env,
      stdout: outputOf(process.stdout),
      stderr: outputOf(process.stderr),
      onExit: (listener) => {
        process.on("exit", listener)
        return () => process.removeListener("exit", listener)
      },
      onWarning: (listener) => {
        // Node's own listener prints each warning.
        const others = process.listeners("warning")
        for (const other of others) process.removeListener("warning", other)
        process.on("warning", listener)
        return () => {
          process.removeListener("warning", listener)
          for (const other of others) process.on("warning", other)
        }
      }
    })
  }
)
