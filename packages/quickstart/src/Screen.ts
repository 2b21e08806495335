import { ProcessEnvironment, type Output } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Context, Effect, Layer } from "effect"

export type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan"

const codes: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 }

/** Where the walk-through is written: the only place that does. */
export class Screen extends Context.Service<
  Screen,
  {
    /** Whether lines can be written over, so that progress is worth showing. */
    readonly animated: boolean
    /** The text in this style, where there are colours. */
    readonly style: (style: Style, text: string) => string
    /** Writes a line for good, in place of a passing one. */
    readonly line: (text?: string) => Effect.Effect<void>
    /** Writes a line that the next one takes the place of; nothing where that cannot be. */
    readonly passing: (text: string) => Effect.Effect<void>
  }
>()("@registry-packages-proxy/quickstart/Screen") {
  /** Writes to this output, in colour on a terminal unless NO_COLOR says otherwise (no-color.org). */
  static readonly make = (
    output: Output,
    variables: Readonly<Record<string, string | undefined>>
  ): Screen["Service"] => {
    const animated = output.isTerminal && variables["TERM"] !== "dumb"
    const coloured = animated && (variables["NO_COLOR"] ?? "") === ""
    const clear = animated ? "\r\u001b[2K" : ""
    const write = (text: string) =>
      Effect.callback<void>((resume) => output.write(text, () => resume(Effect.void)))
    return Screen.of({
      animated,
      style: (style, text) => (coloured ? `\u001b[${codes[style]}m${text}\u001b[0m` : text),
      line: (text = "") => write(`${clear}${text}\n`),
      passing: (text) => (animated ? write(`${clear}${text}`) : Effect.void)
    })
  }

  static readonly layer = Layer.effect(
    Screen,
    Effect.map(ProcessEnvironment, ({ stdout, variables }) => Screen.make(stdout, variables))
  )
}
