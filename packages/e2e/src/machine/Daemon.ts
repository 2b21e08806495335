import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as Command from "../run/Command.ts"
import { Logs } from "./Logs.ts"
import * as Poll from "./Poll.ts"

/** A part that ended though it was to run. */
export class DaemonEnded extends Schema.TaggedError<DaemonEnded>()("DaemonEnded", {
  message: Schema.String
}) {}

/** A running program, stopped with its scope. */
export interface Daemon {
  readonly pid: number
  /** What this run of it wrote, both outputs together. */
  readonly lines: () => ReadonlyArray<string>
  /** The first line that matches, once it is there. */
  readonly line: (pattern: RegExp) => Effect.Effect<RegExpExecArray, DaemonEnded | Poll.NeverHappened>
  /** Never succeeds: it fails when the program ends. */
  readonly ended: Effect.Effect<never, DaemonEnded>
  /** Signals it and waits for its end; gives its exit code. */
  readonly stop: (signal?: "SIGTERM" | "SIGINT") => Effect.Effect<number>
  /** Ends it as a crash would. */
  readonly crash: Effect.Effect<void>
}

/** Starts a program; `name` is that of its log. */
export const start = Effect.fnUntraced(function* (
  name: string,
  command: string,
  args: ReadonlyArray<string>,
  options?: Command.CommandOptions
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const log = (yield* Logs).open(name)
  // Other runs write to the same log, at the same time even.
  const written: Array<string> = []
  const lines = () => written
  const handle = yield* spawner.spawn(yield* Command.make(command, args, options))
  yield* handle.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) =>
      Effect.sync(() => {
        written.push(line)
        log.append(line)
      })
    ),
    Effect.ignore,
    Effect.forkScoped
  )
  const isEnded = new DaemonEnded({ message: `${name} ended by itself; its log is shown with the others` })
  const line: Daemon["line"] = (pattern) =>
    Poll.until(
      `${name}: a line like ${pattern.source}`,
      Effect.gen(function* () {
        for (const text of lines()) {
          const match = pattern.exec(text)
          if (match !== null) return Option.some(match)
        }
        return (yield* Effect.orDie(handle.isRunning)) ? Option.none() : yield* isEnded
      })
    )
  const daemon: Daemon = {
    pid: handle.pid,
    lines,
    line,
    ended: Effect.andThen(Effect.exit(handle.exitCode), isEnded),
    stop: (signal = "SIGTERM") =>
      handle.kill({ killSignal: signal }).pipe(Effect.andThen(handle.exitCode), Effect.orDie),
    crash: Effect.orDie(handle.kill({ killSignal: "SIGKILL" }))
  }
  return daemon
})
