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

/** Prints the walk-through. On a terminal, it uses colours and shows progress. */
export class Screen extends Context.Service<
  Screen,
  {
    /** True if the output is a terminal that can overwrite a line. */
    readonly animated: boolean
    /** Returns the text in a style. Returns the text unchanged if the screen has no colours. */
    readonly style: (style: TextStyle, text: string) => string
    /** Prints a line, in place of the progress line if one is shown. */
    readonly line: (text?: string) => Effect.Effect<void>
    /** Prints a line that the next printed line replaces. Prints nothing if `animated` is false. */
    readonly progressLine: (text: string) => Effect.Effect<void>
  }
>()("@registry-packages-proxy/quickstart/Screen") {
  /**
   * Makes a screen that prints to `output`. It has colours if `output` is a terminal, TERM is not `dumb`, and NO_COLOR
   * is empty (no-color.org).
   */
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
