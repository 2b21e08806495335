import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { ProcessEnvironment } from "../../src/config/ProcessEnvironment.ts"
import { exitCode, printCause } from "../../src/process/ProcessMain.ts"
import { HelpRequested, UsageError } from "../../src/config/UsageError.ts"
import * as FakeProcessEnvironment from "../config/FakeProcessEnvironment.ts"

const fixture = fileURLToPath(new URL("../fixtures/main.ts", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs the program `fixture` until it exits. After each write to stdout, `onText` gets all text written to stdout so
 * far.
 */
const run = (
  args: ReadonlyArray<string>,
  onText: (text: string, child: ChildProcess) => void = () => {}
): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [fixture, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      onText(stdout, child)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const behave = (behaviour: string) => ["--credentials-file=x", "--cache-directory", behaviour]

const reported = (cause: Cause.Cause<unknown>) => {
  const fake = FakeProcessEnvironment.make()
  return Effect.map(Effect.provideService(printCause(cause), ProcessEnvironment, fake.environment), () => ({
    stdout: fake.writes.join(""),
    stderr: fake.errorWrites.join("")
  }))
}

describe("ProcessMain", () => {
  it("exits with 0 for a requested stop, 2 for a usage error and 1 for any other failure", () => {
    const interrupt = Exit.failCause(Cause.interrupt(1))
    assert.strictEqual(exitCode(Exit.void, false), 0)
    assert.strictEqual(exitCode(interrupt, true), 0)
    assert.strictEqual(exitCode(interrupt, false), 1)
    assert.strictEqual(exitCode(Exit.fail(new UsageError({ message: "" })), false), 2)
    assert.strictEqual(exitCode(Exit.fail(new HelpRequested({ text: "" })), false), 0)
    assert.strictEqual(exitCode(Exit.fail(new Error("")), true), 1)
    assert.strictEqual(exitCode(Exit.failCause(Cause.combine(Cause.interrupt(1), Cause.die("bug"))), true), 1)
  })

  it.effect("prints a failure to stderr in one line, and the text of --help to stdout", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reported(Cause.fail(new UsageError({ message: "no" }))), {
        stdout: "",
        stderr: "registry-packages-proxy: no\n"
      })
      assert.deepStrictEqual(yield* reported(Cause.fail(new HelpRequested({ text: "help\n" }))), {
        stdout: "help\n",
        stderr: ""
      })
      assert.deepStrictEqual(yield* reported(Cause.fail(new Error("a\nb"))), {
        stdout: "",
        stderr: "registry-packages-proxy: a b\n"
      })
      assert.deepStrictEqual(yield* reported(Cause.interrupt(1)), { stdout: "", stderr: "" })
    })
  )

  it.live("stops gracefully with 0 on the first signal, and writes every log line", () =>
    Effect.gen(function* () {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const ended = yield* run(behave("serve"), (text, child) => {
          if (text.includes("ready")) child.kill(signal)
        })
        assert.deepStrictEqual({ code: ended.code, stderr: ended.stderr }, { code: 0, stderr: "" })
        assert.match(ended.stdout, /"message":"ready".*\n.*"message":"stopped".*\n$/)
      }
    })
  )

  it.live("exits immediately with 1 on a second signal", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("stuck"), (text, child) => {
        child.kill(text.includes("stuck") ? "SIGTERM" : "SIGINT")
      })
      assert.strictEqual(ended.code, 1)
      assert.notInclude(ended.stdout, "stopped")
    })
  )

  it.live("exits with 2 and one line for a bad flag, with 0 and the text for --help", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(["--log-level=loud"]), {
        code: 2,
        stdout: "",
        stderr:
          'registry-packages-proxy: --log-level: "loud" is not a level; ' +
          "accepted: trace, debug, info, warn or error, in any case\n"
      })
      const help = yield* run(["--help"])
      assert.deepStrictEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: "" })
      assert.include(help.stdout, "REGISTRY_PACKAGES_PROXY_SHUTDOWN_GRACE_PERIOD")
    })
  )

  it.live("exits with 1 and one line that names the address if the address is in use", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("taken"))
      assert.strictEqual(ended.code, 1)
      assert.match(
        ended.stderr,
        /^registry-packages-proxy: --listen-address: cannot listen on 127\.0\.0\.1:\d+: the address is in use; .*\n$/
      )
    })
  )

  it.live("logs Node's warnings, and Node prints none to stderr", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("warning"), (text, child) => {
        if (text.includes("OLD1")) child.kill("SIGTERM")
      })
      assert.strictEqual(ended.stderr, "")
      const line: unknown = JSON.parse(ended.stdout.split("\n").find((line) => line.includes("OLD1")) ?? "")
      assert.deepInclude(line, {
        level: "warn",
        message: "warning from Node",
        name: "OldWarning",
        code: "OLD1",
        warning: "something is old"
      })
    })
  )

  it.live("exits with 1 and a stack for a defect", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("defect"))
      assert.strictEqual(ended.code, 1)
      assert.match(ended.stderr, /^registry-packages-proxy: TypeError: a bug\n {4}at .*main\.ts/)
    })
  )
})
