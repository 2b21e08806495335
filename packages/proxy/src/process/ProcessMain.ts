import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Runtime } from "effect"
import { ProcessEnvironment, type OutputStream } from "../config/ProcessEnvironment.ts"
import { programName } from "../config/Help.ts"
import { explain } from "./StartFailure.ts"
import * as CauseText from "../text/CauseText.ts"
import { HelpRequested, UsageError, VersionRequested } from "../config/UsageError.ts"

/**
 * Returns the process's exit code. It is 0 for success, --help, --version and a stop by a signal. It is 2 for a
 * `UsageError`, and 1 for any other failure.
 */
export const exitCode = (exit: Exit.Exit<unknown, unknown>, isStopping: boolean): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return isStopping ? 0 : 1
  return Runtime.getErrorExitCode(Cause.squash(exit.cause))
}

const print = (output: OutputStream, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => output.write(text, () => resume(Effect.void)))

/**
 * Prints the reason for which the program ended. The text of --help or --version goes to stdout. An error goes to
 * stderr in one line, followed by the stack if the error is a defect. An interruption prints nothing.
 */
export const printCause = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (Cause.hasInterruptsOnly(cause)) return
    const { stderr, stdout } = yield* ProcessEnvironment
    const error = Cause.squash(cause)
    if (error instanceof HelpRequested || error instanceof VersionRequested)
      return yield* print(stdout, error.text)
    const line = error instanceof UsageError ? error.message : explain(cause)
    const stack = CauseText.defectStack(cause).map((frame) => `    ${frame}\n`)
    yield* print(stderr, `${programName}: ${line}\n${stack.join("")}`)
  })

/**
 * Runs the program and exits the process. The first SIGTERM or SIGINT interrupts the program. The process then exits
 * when the program's scopes are closed. A second signal exits the process immediately with code 1.
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>): void => {
  let signals = 0
  // NodeRuntime.runMain interrupts on every signal and exits with 130. This listener and `exitCode` change that.
  const onSignal = (): void => {
    signals++
    // oxlint-disable-next-line unicorn/no-process-exit -- a second signal ends the process immediately
    if (signals > 1) process.exit(1)
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  NodeRuntime.runMain(
    Effect.onExit(program, (exit) => (Exit.isFailure(exit) ? printCause(exit.cause) : Effect.void)),
    { disableErrorReporting: true, teardown: (exit, onExit) => onExit(exitCode(exit, signals > 0)) }
  )
}
