import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Cause, Console, Effect, Exit, FileSystem, Schema } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { fileURLToPath } from "node:url"
import * as Arguments from "./Arguments.ts"
import * as Command from "./Command.ts"
import * as CollectedOutput from "./CollectedOutput.ts"
import { groupNames, testGroups } from "./TestGroups.ts"
import * as Install from "./Install.ts"
import * as ServerBuild from "./ServerBuild.ts"

const root = fileURLToPath(new URL("../../../..", import.meta.url))

/** An argument of the test run is not the name of a test group. */
export class UnknownGroup extends Schema.TaggedError<UnknownGroup>()("UnknownGroup", {
  message: Schema.String
}) {}

/** Vitest failed with the exit code `code`, and has printed the reason. */
export class TestsFailed extends Schema.TaggedError<TestsFailed>()("TestsFailed", {
  code: Schema.Int
}) {}

/**
 * Runs vitest in this process group, so that Ctrl-C reaches vitest. Gives the tests their own TMPDIR and removes it
 * afterwards, because interrupted tests leave files behind.
 */
const vitest = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  added: Readonly<Record<string, string>>
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const fs = yield* FileSystem.FileSystem
  const { env } = yield* ProcessEnvironment
  const temporary = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-tests-" })
  const program = [process.execPath, "node_modules/vitest/vitest.mjs", "run", "--configLoader", "native"]
  const handle = yield* spawner.spawn(
    ChildProcess.make("setpriv", ["--pdeathsig", "TERM", "--", ...program, ...args], {
      cwd: root,
      env: { ...env, ...added, TMPDIR: temporary },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
      detached: false,
      forceKillAfter: "30 seconds"
    })
  )
  const code = yield* handle.exitCode
  if (code !== ChildProcessSpawner.ExitCode(0)) return yield* new TestsFailed({ code })
}, Effect.scoped)

/**
 * Installs the programs that the chosen groups require, builds registry-packages-proxy and runs the groups. Then fails
 * if the collected logs or telemetry contain a secret.
 */
export const run = Effect.gen(function* () {
  const { args } = yield* ProcessEnvironment
  const chosen = Arguments.parse(args)
  if (chosen.unknownGroups.length > 0) {
    const message = `unknown group ${chosen.unknownGroups.join(", ")}; accepted: ${groupNames.join(", ")}`
    return yield* new UnknownGroup({ message })
  }
  const programs = chosen.groups.flatMap((name) => testGroups[name].programs)
  const installer = yield* Install.makeInstaller({ mayInstall: chosen.install, say: Console.error })
  yield* Install.ensureInstalled(programs, installer).pipe(
    Effect.tapError(() =>
      Console.error("Groups that need none of these can run alone: npm run test:e2e -- GROUP...")
    )
  )
  const servers = new Set(chosen.groups.flatMap((name) => testGroups[name].servers))
  for (const server of servers) yield* ServerBuild.findOrBuild(server, Console.error)
  if (!chosen.skipBuild) {
    yield* Console.error("Building the program...")
    yield* Command.run(process.execPath, ["scripts/build.ts", "--arch=amd64,arm64"], {
      cwd: root,
      inheritsEnvironment: true
    })
  }
  const files = chosen.groups.map((name) => testGroups[name].file)
  const collected = yield* CollectedOutput.make
  const tests = yield* Effect.exit(
    vitest(
      ["--config", "packages/e2e/src/vitest.config.ts", ...chosen.vitestOptions, ...files],
      collected.variables
    )
  )
  // The search runs even if tests failed.
  yield* Console.error(yield* collected.search)
  yield* tests
}).pipe(
  Effect.scoped,
  Effect.tapError((error) => (error._tag === "TestsFailed" ? Effect.void : Console.error(error.message)))
)

/**
 * Returns the exit code of a test run. It is 0 for a success, vitest's exit code if tests failed, and 1 for any other
 * failure.
 */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  return error instanceof TestsFailed ? error.code : 1
}
