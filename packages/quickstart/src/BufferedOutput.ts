import type {
  ProcessEnvironment,
  OutputStream
} from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect } from "effect"

/** A process environment that buffers its standard output until `release` is called. */
export interface BufferedOutput {
  readonly environment: ProcessEnvironment
  /** Ends the buffering. `write` writes the buffered text to standard output, `discard` discards it. */
  readonly release: (action: "write" | "discard") => Effect.Effect<void>
}

/** The maximum length of the buffered text, in characters. Older text is discarded. */
const maxBufferedChars = 64 * 1024

/**
 * Wraps a process environment, so that no log line interrupts the walk-through. Text on standard output is held back
 * until `release`.
 */
export const make = (environment: ProcessEnvironment): BufferedOutput => {
  const { args, onExit, onWarning, stderr, stdout, env } = environment
  let isReleased = false
  let buffered = ""
  const buffer = (text: string) => {
    buffered = (buffered + text).slice(-maxBufferedChars)
  }
  const output: OutputStream = {
    isTerminal: stdout.isTerminal,
    write: (text, done) => {
      if (isReleased) return stdout.write(text, done)
      buffer(text)
      return setImmediate(done)
    },
    writeNow: (text) => (isReleased ? stdout.writeNow(text) : buffer(text))
  }
  return {
    environment: { args, onExit, onWarning, stderr, stdout: output, env },
    release: (action) =>
      Effect.sync(() => {
        isReleased = true
        if (action === "write" && buffered !== "") stdout.write(buffered, () => {})
        buffered = ""
      })
  }
}
