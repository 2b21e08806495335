import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as Command from "../run/Command.ts"
import * as CollectedOutput from "../run/CollectedOutput.ts"
import { Logs } from "./Logs.ts"
import * as Eventually from "./Eventually.ts"

/** The program of a `Daemon` has exited. */
export class DaemonExited extends Schema.TaggedError<DaemonExited>()("DaemonExited", {
  message: Schema.String
}) {}

/** A program that runs in the background until the end of its scope. */
export interface Daemon {
  readonly pid: number
  /** Returns the lines that this run of the program has printed so far, to stdout or stderr. */
  readonly lines: () => ReadonlyArray<string>
  /**
   * Waits up to 30 s until a line of the output matches, and returns the match. Fails with `DaemonExited` if the
   * program exits before that.
   */
  readonly waitForLine: (
    pattern: RegExp
  ) => Effect.Effect<RegExpExecArray, DaemonExited | Eventually.ConditionNotMet>
  /**
   * Fails when the program exits for any reason, including `stop` and `kill`. Never succeeds. Race a wait against this
   * effect, so that the wait ends if the program exits.
   */
  readonly exited: Effect.Effect<never, DaemonExited>
  /** Sends a signal (default: SIGTERM), waits until the program has exited, and returns the exit code. */
  readonly stop: (signal?: "SIGTERM" | "SIGINT") => Effect.Effect<number>
  /** Kills the program with SIGKILL and waits until it has exited. This simulates a crash. */
  readonly kill: Effect.Effect<void>
}

/**
 * Starts a program in the background and appends its output to the log called `name`. If `name` begins with
 * `registry-packages-proxy`, the output is also searched for secrets at the end of the run.
 */
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
        if (name.startsWith("registry-packages-proxy")) CollectedOutput.addOutputLine(line)
      })
    ),
    Effect.ignore,
    Effect.forkScoped
  )
  const hasExited = new DaemonExited({
    message: `${name} has exited; its log is shown with the others`
  })
  const waitForLine: Daemon["waitForLine"] = (pattern) =>
    Eventually.value(
      `${name}: a line like ${pattern.source}`,
      Effect.gen(function* () {
        for (const text of lines()) {
          const match = pattern.exec(text)
          if (match !== null) return Option.some(match)
        }
        return (yield* Effect.orDie(handle.isRunning)) ? Option.none() : yield* hasExited
      })
    )
  const daemon: Daemon = {
    pid: handle.pid,
    lines,
    waitForLine,
    exited: Effect.andThen(Effect.exit(handle.exitCode), hasExited),
    stop: (signal = "SIGTERM") =>
      handle.kill({ killSignal: signal }).pipe(Effect.andThen(handle.exitCode), Effect.orDie),
    kill: Effect.orDie(handle.kill({ killSignal: "SIGKILL" }))
  }
  return daemon
})
