import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Screen } from "../src/Screen.ts"
import * as TestEnvironment from "./TestEnvironment.ts"

const shown = Effect.fnUntraced(function* (isTerminal: boolean, env: Readonly<Record<string, string>> = {}) {
  const { environment, written } = TestEnvironment.make({ isTerminal, env })
  const screen = Screen.make(environment.stdout, environment.env)
  yield* screen.progressLine("half")
  yield* screen.line(screen.style("green", "done"))
  return written()
})

describe("Screen", () => {
  it.effect("prints colours and progress lines on a terminal", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* shown(true), "\r\u001b[2Khalf\r\u001b[2K\u001b[32mdone\u001b[0m\n")
    })
  )

  it.effect("prints no colours if NO_COLOR is set", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* shown(true, { NO_COLOR: "1" }), "\r\u001b[2Khalf\r\u001b[2Kdone\n")
      assert.strictEqual(yield* shown(true, { NO_COLOR: "" }), yield* shown(true))
    })
  )

  it.effect("prints plain lines everywhere else", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* shown(false), "done\n")
      assert.strictEqual(yield* shown(true, { TERM: "dumb" }), "done\n")
    })
  )
})
