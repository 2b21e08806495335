import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Environment } from "../../src/config/Environment.ts"
import { exitCode, report } from "../../src/process/Signals.ts"
import { HelpRequested, UsageError } from "../../src/config/UsageError.ts"
import * as FakeEnvironment from "../config/FakeEnvironment.ts"

const fixture = fileURLToPath(new URL("../fixtures/main.ts", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** Runs the fixture until it ends; `onText` hears its whole output so far each time there is more. */
const run = (
  args: ReadonlyArray<string>,
  onText: (text: string, child: ChildProcess) => void = () => {}
): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [fixture, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let errors = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
      onText(output, child)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text))
    child.on("close", (code) => resume(Effect.succeed({ code, output, errors })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const behave = (behaviour: string) => ["--credentials-file=x", "--cache-directory", behaviour]

const reported = (cause: Cause.Cause<unknown>) => {
  const fake = FakeEnvironment.make()
  return Effect.map(Effect.provideService(report(cause), Environment, fake.environment), () => ({
    output: fake.writes.join(""),
    errors: fake.errorWrites.join("")
  }))
}

describe("Signals", () => {
  it("gives 0 for a stop that was asked for, 2 for usage and 1 for any other failure", () => {
    const interrupt = Exit.failCause(Cause.interrupt(1))
    assert.strictEqual(exitCode(Exit.void, false), 0)
    assert.strictEqual(exitCode(interrupt, true), 0)
    assert.strictEqual(exitCode(interrupt, false), 1)
    assert.strictEqual(exitCode(Exit.fail(new UsageError({ message: "" })), false), 2)
    assert.strictEqual(exitCode(Exit.fail(new HelpRequested({ text: "" })), false), 0)
    assert.strictEqual(exitCode(Exit.fail(new Error("")), true), 1)
    assert.strictEqual(exitCode(Exit.failCause(Cause.combine(Cause.interrupt(1), Cause.die("bug"))), true), 1)
  })

  it.effect("reports a failure in one line on the errors, and an answer on the output", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reported(Cause.fail(new UsageError({ message: "no" }))), {
        output: "",
        errors: "registry-packages-proxy: no\n"
      })
      assert.deepStrictEqual(yield* reported(Cause.fail(new HelpRequested({ text: "help\n" }))), {
        output: "help\n",
        errors: ""
      })
      assert.deepStrictEqual(yield* reported(Cause.fail(new Error("a\nb"))), {
        output: "",
        errors: "registry-packages-proxy: a b\n"
      })
      assert.deepStrictEqual(yield* reported(Cause.interrupt(1)), { output: "", errors: "" })
    })
  )

  it.live("ends gracefully with 0 on the first signal, with nothing lost of what was logged", () =>
    Effect.gen(function* () {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const ended = yield* run(behave("serve"), (text, child) => {
          if (text.includes("ready")) child.kill(signal)
        })
        assert.deepStrictEqual({ code: ended.code, errors: ended.errors }, { code: 0, errors: "" })
        assert.match(ended.output, /"message":"ready".*\n.*"message":"stopped".*\n$/)
      }
    })
  )

  it.live("ends at once with 1 on a second signal", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("stuck"), (text, child) => {
        child.kill(text.includes("stuck") ? "SIGTERM" : "SIGINT")
      })
      assert.strictEqual(ended.code, 1)
      assert.notInclude(ended.output, "stopped")
    })
  )

  it.live("ends with 2 and one line for a bad flag, 0 and the text for --help", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(["--log-level=loud"]), {
        code: 2,
        output: "",
        errors:
          'registry-packages-proxy: --log-level: "loud" is not a level; ' +
          "accepted: trace, debug, info, warn or error, in any case\n"
      })
      const help = yield* run(["--help"])
      assert.deepStrictEqual({ code: help.code, errors: help.errors }, { code: 0, errors: "" })
      assert.include(help.output, "REGISTRY_PACKAGES_PROXY_SHUTDOWN_GRACE_PERIOD")
    })
  )

  it.live("ends with 1 and one line naming the address for a taken port", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("taken"))
      assert.strictEqual(ended.code, 1)
      assert.match(
        ended.errors,
        /^registry-packages-proxy: --listen-address: cannot listen on 127\.0\.0\.1:\d+: another program listens there already; .*\n$/
      )
    })
  )

  it.live("has Node's warnings in its log, and no text of Node's on the errors", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("warning"), (text, child) => {
        if (text.includes("OLD1")) child.kill("SIGTERM")
      })
      assert.strictEqual(ended.errors, "")
      const line: unknown = JSON.parse(ended.output.split("\n").find((line) => line.includes("OLD1")) ?? "")
      assert.deepInclude(line, {
        level: "warn",
        message: "warning from Node",
        name: "OldWarning",
        code: "OLD1",
        warning: "something is old"
      })
    })
  )

  it.live("ends with 1 and the place for a defect", () =>
    Effect.gen(function* () {
      const ended = yield* run(behave("defect"))
      assert.strictEqual(ended.code, 1)
      assert.match(ended.errors, /^registry-packages-proxy: TypeError: a bug\n {4}at .*main\.ts/)
    })
  )
})
