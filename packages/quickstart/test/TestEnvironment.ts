import type { Environment, Output } from "@registry-packages-proxy/proxy/config/Environment"

/** An environment whose outputs are kept as text; `onText` hears of all that was written so far. */
export const make = (options: {
  readonly args?: ReadonlyArray<string>
  readonly variables?: Readonly<Record<string, string>>
  readonly isTerminal?: boolean
  readonly onText?: (text: string) => void
}): { readonly environment: Environment; readonly written: () => string } => {
  let written = ""
  const write = (text: string) => {
    written += text
    options.onText?.(written)
  }
  const output: Output = {
    isTerminal: options.isTerminal ?? false,
    write: (text, done) => {
      write(text)
      done()
    },
    writeNow: write
  }
  return {
    environment: {
      args: options.args ?? [],
      variables: options.variables ?? {},
      output,
      errors: output,
      onExit: () => () => {},
      onWarning: () => () => {}
    },
    written: () => written
  }
}
