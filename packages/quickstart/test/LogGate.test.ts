import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LogGate from "../src/LogGate.ts"
import * as TestEnvironment from "./TestEnvironment.ts"

const gateWith = (held: "shown" | "dropped") =>
  Effect.gen(function* () {
    const { environment, written } = TestEnvironment.make({})
    const gate = LogGate.make(environment)
    const { stdout } = gate.environment
    yield* Effect.callback<void>((resume) => stdout.write("early\n", () => resume(Effect.void)))
    stdout.writeNow("soon\n")
    assert.strictEqual(written(), "")
    yield* gate.open(held)
    yield* Effect.callback<void>((resume) => stdout.write("late\n", () => resume(Effect.void)))
    stdout.writeNow("last\n")
    return written()
  })

describe("LogGate", () => {
  it.effect("holds lines back until it opens, then drops or shows them", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* gateWith("dropped"), "late\nlast\n")
      assert.strictEqual(yield* gateWith("shown"), "early\nsoon\nlate\nlast\n")
    })
  )
})
