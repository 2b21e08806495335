import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { type Form, form } from "../../src/build/Form.ts"
import * as CodeCache from "../../src/process/CodeCache.ts"
import { Environment } from "../../src/config/Environment.ts"
import * as Logging from "../../src/logging/Logging.ts"
import * as FakeEnvironment from "../config/FakeEnvironment.ts"

const reported = Effect.fnUntraced(function* (found: Form) {
  const fake = FakeEnvironment.make()
  yield* CodeCache.report(found).pipe(
    Effect.provide(
      Logging.layer({ logFormat: Option.some("json"), logLevel: "Info" }).pipe(
        Layer.provide(Layer.succeed(Environment, fake.environment))
      )
    )
  )
  const metrics = yield* PrometheusMetrics.format()
  return {
    lines: fake.lines(),
    rejected: /^registry_packages_proxy_code_cache_rejected (\d)$/m.exec(metrics)?.[1]
  }
})

describe("CodeCache", () => {
  it("finds a script here, which has none", () => {
    assert.strictEqual(form(), "script")
  })

  it.effect(
    "warns once of code that was rejected, and counts it",
    Effect.fn(function* () {
      const { lines, rejected } = yield* reported("executable, code cache rejected")
      assert.strictEqual(rejected, "1")
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0] ?? "", '"level":"warn","message":"code cache rejected')
    })
  )

  for (const form of [
    "script",
    "executable without code cache",
    "executable, code cache accepted"
  ] as const) {
    it.effect(
      `says nothing where there is nothing to do (${form})`,
      Effect.fn(function* () {
        assert.deepStrictEqual(yield* reported(form), { lines: [], rejected: "0" })
      })
    )
  }
})
