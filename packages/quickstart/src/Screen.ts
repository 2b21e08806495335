import {
  ProcessEnvironment,
  type OutputStream
} from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Context, Effect, Layer } from "effect"

export type TextStyle = "bold" | "dim" | "green" | "red" | "yellow" | "cyan"

const codes: Readonly<Record<TextStyle, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  cyan: 36
}

/** The terminal that the walk-through is printed to. */
export class Screen extends Context.Service<
  Screen,
  {
    /** True if a line can be overwritten, so that progress can be shown. */
    readonly animated: boolean
    /** The text in this style; unchanged if the screen has no colours. */
    readonly style: (style: TextStyle, text: string) => string
    /** Prints a line. It replaces the current progress line, if there is one. */
    readonly line: (text?: string) => Effect.Effect<void>
    /** Prints a line that the next printed line replaces. Prints nothing if `animated` is false. */
    readonly progressLine: (text: string) => Effect.Effect<void>
  }
>()("@registry-packages-proxy/quickstart/Screen") {
  /** Prints to `output`, in colour if it is a terminal, TERM is not `dumb`, and NO_COLOR is empty (no-color.org). */
  static readonly make = (output: OutputStream, env: ProcessEnvironment["env"]): Screen["Service"] => {
    const animated = output.isTerminal && env["TERM"] !== "dumb"
    const coloured = animated && (env["NO_COLOR"] ?? "") === ""
    const clear = animated ? "\r\u001b[2K" : ""
    const write = (text: string) =>
      Effect.callback<void>((resume) => output.write(text, () => resume(Effect.void)))
    return Screen.of({
      animated,
      style: (style, text) => (coloured ? `\u001b[${codes[style]}m${text}\u001b[0m` : text),
      line: (text = "") => write(`${clear}${text}\n`),
      progressLine: (text) => (animated ? write(`${clear}${text}`) : Effect.void)
    })
  }

  static readonly layer = Layer.effect(
    Screen,
    Effect.map(ProcessEnvironment, ({ stdout, env }) => Screen.make(stdout, env))
  )
}
