import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as Command from "../run/Command.ts"
import * as Evidence from "../run/Evidence.ts"
import { Logs } from "./Logs.ts"
import * as Eventually from "./Eventually.ts"

/** A program ended by itself. */
export class DaemonEnded extends Schema.TaggedError<DaemonEnded>()("DaemonEnded", {
  message: Schema.String
}) {}

/** A running program, stopped when its scope ends. */
export interface Daemon {
  readonly pid: number
  /** Lines of this run's output, stdout and stderr together. */
  readonly lines: () => ReadonlyArray<string>
  /** Waits for the first line that matches. Fails with `DaemonEnded` if the program ends first. */
  readonly line: (pattern: RegExp) => Effect.Effect<RegExpExecArray, DaemonEnded | Eventually.NeverHappened>
  /** Fails when the program ends. */
  readonly ended: Effect.Effect<never, DaemonEnded>
  /** Sends a signal (default: SIGTERM), waits until the program has ended, and returns the exit code. */
  readonly stop: (signal?: "SIGTERM" | "SIGINT") => Effect.Effect<number>
  /** Kills the program with SIGKILL. */
  readonly crash: Effect.Effect<void>
}

/** Starts a program; `name` is the name of its log. */
export const start = Effect.fnUntraced(function* (
  name: string,
  command: string,
  args: ReadonlyArray<string>,
  options?: Command.CommandOptions
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const log = (yield* Logs).open(name)
  // Other runs write to the same log, so the lines of this run are kept separately.
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
        // Only the output of registry-packages-proxy is searched for secrets. Other programs may log secrets.
        if (name.startsWith("registry-packages-proxy")) Evidence.addLine(line)
      })
    ),
    Effect.ignore,
    Effect.forkScoped
  )
  const endedByItself = new DaemonEnded({
    message: `${name} ended by itself; its log is shown with the others`
  })
  const line: Daemon["line"] = (pattern) =>
    Eventually.value(
      `${name}: a line like ${pattern.source}`,
      Effect.gen(function* () {
        for (const text of lines()) {
          const match = pattern.exec(text)
          if (match !== null) return Option.some(match)
        }
        return (yield* Effect.orDie(handle.isRunning)) ? Option.none() : yield* endedByItself
      })
    )
  const daemon: Daemon = {
    pid: handle.pid,
    lines,
    line,
    ended: Effect.andThen(Effect.exit(handle.exitCode), endedByItself),
    stop: (signal = "SIGTERM") =>
      handle.kill({ killSignal: signal }).pipe(Effect.andThen(handle.exitCode), Effect.orDie),
    crash: Effect.orDie(handle.kill({ killSignal: "SIGKILL" }))
  }
  return daemon
})
