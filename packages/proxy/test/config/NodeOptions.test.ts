import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { ProcessEnvironment } from "../../src/config/ProcessEnvironment.ts"
import * as Logging from "../../src/logging/Logging.ts"
import { ineffectiveFlags, warn } from "../../src/config/NodeOptions.ts"
import * as FakeProcessEnvironment from "./FakeProcessEnvironment.ts"

const own = ["--disable-sigusr1", "--max-semi-space-size=4", "--max-old-space-size=192"]

describe("NodeOptions", () => {
  it("finds the flags that the program's own flags override, in any spelling", () => {
    const found = (nodeOptions: string | undefined) => ineffectiveFlags(nodeOptions, own)
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
    "names them in one warning",
    Effect.fn(function* () {
      const fake = FakeProcessEnvironment.make()
      yield* Effect.andThen(warn("--max-old-space-size=400", own), warn("--report-on-signal", own)).pipe(
        Effect.provide(
          Logging.layer({ logFormat: Option.some("json"), logLevel: "Info" }).pipe(
            Layer.provide(Layer.succeed(ProcessEnvironment, fake.environment))
          )
        )
      )
      assert.strictEqual(fake.lines().length, 1)
      assert.include(fake.lines()[0] ?? "", '"level":"warn"')
      assert.include(fake.lines()[0] ?? "", '"flags":"--max-old-space-size"')
    })
  )
})
