import type {
  ProcessEnvironment,
  OutputStream
} from "@registry-packages-proxy/proxy/config/ProcessEnvironment"

/** Makes a process environment that records all output. Each write calls `onText` with all text written so far. */
export const make = (options: {
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly isTerminal?: boolean
  readonly onText?: (text: string) => void
}): { readonly environment: ProcessEnvironment; readonly written: () => string } => {
  let written = ""
  const write = (text: string) => {
    written += text
    options.onText?.(written)
  }
  const output: OutputStream = {
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
      env: options.env ?? {},
      stdout: output,
      stderr: output,
      onExit: () => () => {},
      onWarning: () => () => {}
    },
    written: () => written
  }
}
