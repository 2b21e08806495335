import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { type ProgramForm, programForm } from "../../src/build/ProgramForm.ts"
import * as CodeCache from "../../src/process/CodeCache.ts"
import { ProcessEnvironment } from "../../src/config/ProcessEnvironment.ts"
import * as Logging from "../../src/logging/Logging.ts"
import * as FakeProcessEnvironment from "../config/FakeProcessEnvironment.ts"

const reported = Effect.fnUntraced(function* (form: ProgramForm) {
  const fake = FakeProcessEnvironment.make()
  yield* CodeCache.report(form).pipe(
    Effect.provide(
      Logging.layer({ logFormat: Option.some("json"), logLevel: "Info" }).pipe(
        Layer.provide(Layer.succeed(ProcessEnvironment, fake.environment))
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
  it("is not used by a script", () => {
    assert.strictEqual(programForm(), "script")
  })

  it.effect(
    "is reported by a warning and a metric if V8 rejected it",
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
      `is not reported otherwise (${form})`,
      Effect.fn(function* () {
        assert.deepStrictEqual(yield* reported(form), { lines: [], rejected: "0" })
      })
    )
  }
})
