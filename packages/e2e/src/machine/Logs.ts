import { Cause, Console, Context, Effect, Layer } from "effect"

/** What one part wrote, line by line. */
export interface Log {
  readonly append: (line: string) => void
  readonly lines: () => ReadonlyArray<string>
}

const shownLines = 30
const shownLength = 400

/** The logs of all the parts a group of tests runs, so that those of the parts behind a failed test can be shown. */
export class Logs extends Context.Service<
  Logs,
  {
    /** The log of this name, which several runs of one part share. */
    readonly open: (name: string) => Log
    /** The last lines of every log. */
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

/** Shows the ends of the logs where the test fails. */
export const shownOnFailure = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Logs> =>
  Effect.tapCause(
    test,
    Effect.fnUntraced(function* (cause) {
      if (Cause.hasInterruptsOnly(cause)) yield* Console.log("interrupted: it took longer than it may")
      yield* Console.log((yield* Logs).tails())
    })
  )
