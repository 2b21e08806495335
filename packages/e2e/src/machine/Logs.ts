import { Cause, Console, Context, Effect, Layer } from "effect"

/** The output lines of one program, from all of its runs in a group of tests. */
export interface Log {
  readonly append: (line: string) => void
  readonly lines: () => ReadonlyArray<string>
}

const shownLines = 30
const shownLength = 400

/** The logs of all programs that a group of tests starts. `showLogsOnFailure` prints them if a test fails. */
export class Logs extends Context.Service<
  Logs,
  {
    /** Returns the log with this name, and creates it if it does not exist. Several runs of one program share a log. */
    readonly open: (name: string) => Log
    /** Returns the last 30 lines of every log, each line cut to 400 characters. */
    readonly tails: () => string
  }
>()("@registry-packages-proxy/e2e/Logs") {
  static readonly layer = Layer.sync(Logs, () => {
    const logs = new Map<string, Array<string>>()
    return Logs.of({
      open: (name) => {
        const lines = logs.get(name) ?? []
        logs.set(name, lines)
        return { append: (line) => lines.push(line), lines: () => lines }
      },
      tails: () =>
        [...logs]
          .map(([name, lines]) => {
            const shown = lines.slice(-shownLines).map((line) => line.slice(0, shownLength))
            return `--- ${name}\n${shown.join("\n")}\n`
          })
          .join("")
    })
  })
}

/** Runs a test. If the test fails, prints the last lines of all logs. */
export const showLogsOnFailure = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Logs> =>
  Effect.tapCause(
    test,
    Effect.fnUntraced(function* (cause) {
      if (Cause.hasInterruptsOnly(cause)) yield* Console.log("interrupted: the test exceeded its timeout")
      yield* Console.log((yield* Logs).tails())
    })
  )
