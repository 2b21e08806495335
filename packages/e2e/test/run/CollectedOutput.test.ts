import * as NodeServices from "@effect/platform-node/NodeServices"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as CollectedOutput from "../../src/run/CollectedOutput.ts"

/**
 * Simulates a test run. Registers `secret`, sends `sent` to the run's telemetry collector, and returns the result of
 * the search.
 */
const run = (secret: string, sent: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    // A failed search keeps the output, here in a directory that the test removes.
    const env = { TMPDIR: yield* fs.makeTempDirectoryScoped() }
    const { args, onExit, onWarning, stderr, stdout } = yield* ProcessEnvironment
    const environment = { args, env, onExit, onWarning, stderr, stdout }
    const collected = yield* Effect.provideService(CollectedOutput.make, ProcessEnvironment, environment)
    yield* Effect.acquireRelease(
      Effect.sync(() => CollectedOutput.setDestination(collected.variables)),
      () => Effect.sync(() => CollectedOutput.setDestination({}))
    )
    CollectedOutput.addSecret("the password", secret)
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "" } = CollectedOutput.telemetryVariables()
    yield* Effect.promise(() => fetch(`${endpoint}/v1/traces`, { method: "POST", body: sent }))
    return yield* Effect.result(collected.search)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

it.effect("a run fails if the program sent a secret, and names the secret, its form and its file", () =>
  Effect.gen(function* () {
    const secret = "a-password-of-a-registry"
    const found = yield* run(secret, `{"auth":"${Buffer.from(`user:${secret}`).toString("base64")}"}`)
    assert.isTrue(found._tag === "Failure")
    if (found._tag === "Failure")
      assert.match(found.failure.message, /otlp-v1-traces\.bin: the password, in base64/)
  })
)

it.effect("a run succeeds if the program sent no secret, and reports the searched size", () =>
  Effect.gen(function* () {
    const clean = yield* run("another-password-of-it", "nothing of it")
    assert.strictEqual(
      clean._tag === "Success" ? clean.success : clean.failure.message,
      "No secret of 1 is in the program's logs and telemetry (0.0 MiB in 1 files)"
    )
  })
)

it("sends nothing if the run has no collector", () => {
  assert.deepStrictEqual(CollectedOutput.telemetryVariables(), {})
})
