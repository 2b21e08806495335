import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Runtime } from "effect"
import { Environment, type Output } from "../config/Environment.ts"
import { programName } from "../config/Help.ts"
import { explain } from "./StartFailure.ts"
import * as CauseText from "../text/CauseText.ts"
import { HelpRequested, UsageError, VersionRequested } from "../config/UsageError.ts"

/** 0 after a stop that was asked for, 2 for what the user asks for in vain, 1 for every other failure. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>, isStopping: boolean): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return isStopping ? 0 : 1
  return Runtime.getErrorExitCode(Cause.squash(exit.cause))
}

const print = (output: Output, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => output.write(text, () => resume(Effect.void)))

/** Writes what a program ended with: an answer to the output, a failure to the errors in one line, defects traced. */
export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (Cause.hasInterruptsOnly(cause)) return
    const { errors, output } = yield* Environment
    const error = Cause.squash(cause)
    if (error instanceof HelpRequested || error instanceof VersionRequested)
      return yield* print(output, error.text)
    const line = error instanceof UsageError ? error.message : explain(cause)
    const stack = CauseText.stack(cause).map((frame) => `    ${frame}\n`)
    yield* print(errors, `${programName}: ${line}\n${stack.join("")}`)
  })

/**
 * Runs the program as the process's main one. The first SIGTERM or SIGINT interrupts it, and the process ends once its
 * scopes are closed; a second one ends the process at once, with exit code 1.
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>): void => {
  let signals = 0
  // NodeRuntime interrupts on every signal and exits 130; what differs is here and in `exitCode`.
  const onSignal = (): void => {
    signals++
    // oxlint-disable-next-line unicorn/no-process-exit -- a second signal leaves nothing to wait for
    if (signals > 1) process.exit(1)
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  NodeRuntime.runMain(
    Effect.onExit(program, (exit) => (Exit.isFailure(exit) ? report(exit.cause) : Effect.void)),
    { disableErrorReporting: true, teardown: (exit, onExit) => onExit(exitCode(exit, signals > 0)) }
  )
}
