import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as BufferedOutput from "../src/BufferedOutput.ts"
import * as TestEnvironment from "./TestEnvironment.ts"

const outputOf = (action: "write" | "discard") =>
  Effect.gen(function* () {
    const { environment, written } = TestEnvironment.make({})
    const bufferedOutput = BufferedOutput.make(environment)
    const { stdout } = bufferedOutput.environment
    yield* Effect.callback<void>((resume) => stdout.write("early\n", () => resume(Effect.void)))
    stdout.writeNow("soon\n")
    assert.strictEqual(written(), "")
    yield* bufferedOutput.release(action)
    yield* Effect.callback<void>((resume) => stdout.write("late\n", () => resume(Effect.void)))
    stdout.writeNow("last\n")
    return written()
  })

describe("BufferedOutput", () => {
  it.effect("buffers lines until it is released, then discards or writes them", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outputOf("discard"), "late\nlast\n")
      assert.strictEqual(yield* outputOf("write"), "early\nsoon\nlate\nlast\n")
    })
  )
})
