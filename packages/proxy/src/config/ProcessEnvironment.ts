import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { Context } from "effect"

// `getBuiltinModule`, since an import declaration evaluates the module's lazy exports, which stay in memory.
const { writeSync } = process.getBuiltinModule("node:fs")

/** Standard output or standard error. */
export interface OutputStream {
  readonly isTerminal: boolean
  /** Writes in the background. Calls `done` when the text is written or the write has failed. */
  readonly write: (text: string, done: () => void) => void
  /**
   * Writes synchronously, and drops the text that the stream cannot accept immediately. For a process that is about to
   * exit.
   */
  readonly writeNow: (text: string) => void
}

/**
 * The process's arguments, environment variables, outputs, and events. No other module of the program accesses
 * `process.argv`, `process.env`, `process.stdout` or `process.stderr`.
 */
export interface ProcessEnvironment {
  /** The command-line arguments after the program's name. */
  readonly args: ReadonlyArray<string>
  readonly env: EnvironmentVariables
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /**
   * Calls `listener` when the process exits, unless a signal kills the process. Returns a function that removes the
   * listener.
   */
  readonly onExit: (listener: () => void) => () => void
  /** Makes `listener` the only listener of Node's warnings. Returns a function that restores the previous listeners. */
  readonly onWarning: (listener: (warning: Error) => void) => () => void
}

const outputOf = (stream: typeof process.stdout | typeof process.stderr): OutputStream => {
  // A reader that closes the pipe (`| head`) ends the output, not the program. The callback of each write gets the
  // error too.
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

/** The arguments, variables, outputs and events of this process. Tests may provide a fake instead. */
export const ProcessEnvironment = Context.Reference<ProcessEnvironment>(
  "@registry-packages-proxy/proxy/ProcessEnvironment",
  {
    defaultValue: () => ({
      args: process.argv.slice(2),
      env: process.env,
      stdout: outputOf(process.stdout),
      stderr: outputOf(process.stderr),
      onExit: (listener) => {
        process.on("exit", listener)
        return () => process.removeListener("exit", listener)
      },
      onWarning: (listener) => {
        // Removes Node's own listener, which prints each warning.
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
