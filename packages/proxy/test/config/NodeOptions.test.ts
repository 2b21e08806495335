import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Environment } from "../../src/config/Environment.ts"
import * as Logging from "../../src/logging/Logging.ts"
import { ineffective, report } from "../../src/config/NodeOptions.ts"
import * as FakeEnvironment from "./FakeEnvironment.ts"

const own = ["--disable-sigusr1", "--max-semi-space-size=4", "--max-old-space-size=192"]

describe("NodeOptions", () => {
  it("finds the flags that the program was started with already, however they are written", () => {
    const found = (nodeOptions: string | undefined) => ineffective(nodeOptions, own)
    assert.deepStrictEqual(found(undefined), [])
    assert.deepStrictEqual(found(""), [])
    assert.deepStrictEqual(found("--max-old-space-size-percentage=40 --report-on-signal"), [])
    assert.deepStrictEqual(found("--max-old-space-size=400"), ["--max-old-space-size"])
    assert.deepStrictEqual(found("  --max_old_space_size=400  --max-semi-space-size 4"), [
      "--max-old-space-size",
      "--max-semi-space-size"
    ])
  })

  it.effect(
    "says once which they are",
    Effect.fn(function* () {
      const fake = FakeEnvironment.make()
      yield* Effect.andThen(report("--max-old-space-size=400", own), report("--report-on-signal", own)).pipe(
        Effect.provide(
          Logging.layer({ logFormat: Option.some("json"), logLevel: "Info" }).pipe(
            Layer.provide(Layer.succeed(Environment, fake.environment))
          )
        )
      )
      assert.strictEqual(fake.lines().length, 1)
      assert.include(fake.lines()[0] ?? "", '"level":"warn"')
      assert.include(fake.lines()[0] ?? "", '"flags":"--max-old-space-size"')
    })
  )
})
