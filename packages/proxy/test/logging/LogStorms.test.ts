import { assert, describe, it } from "@effect/vitest"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Clock, Effect, Exit, Scope } from "effect"
import type { LogRecord } from "../../src/logging/LogRecord.ts"
import * as LogStorms from "../../src/logging/LogStorms.ts"

const record = (number: number): LogRecord => ({
  date: new Date(0),
  level: "warn",
  message: "request",
  fields: { number },
  traceId: undefined,
  spanId: undefined,
  cause: undefined
})

const started = Effect.gen(function* () {
  const written: Array<Readonly<Record<string, unknown>>> = []
  const scope = yield* Scope.make()
  const admit = yield* LogStorms.make(yield* Clock.Clock, ({ fields }) => void written.push(fields)).pipe(
    Scope.provide(scope)
  )
  return { admit, written, end: Scope.close(scope, Exit.void) }
})

describe("a storm of lines", () => {
  it.effect("of one kind is a line a minute, with the count of those it stands for", () =>
    Effect.gen(function* () {
      const { admit, written } = yield* started
      // An hour of a line a second.
      for (let second = 0; second < 3600; second++) {
        admit(record(second), "down", 1)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(written.length, 61)
      assert.deepStrictEqual(written.slice(0, 3), [
        { number: 0 },
        { number: 59, repeated: 59 },
        { number: 119, repeated: 60 }
      ])
      const told = written.reduce((sum, { repeated = 1 }) => sum + Number(repeated), 0)
      assert.strictEqual(told, 3600)
    })
  )

  it.effect("leaves lines of other kinds alone, and those that come now and then", () =>
    Effect.gen(function* () {
      const { admit, written } = yield* started
      admit(record(1), "one", 1)
      admit(record(2), "two", 1)
      yield* TestClock.adjust("1 minute")
      admit(record(3), "one", 1)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(written, [{ number: 1 }, { number: 2 }, { number: 3 }])
    })
  )

  it.effect("lets a few pass where lines of one kind may tell of different things", () =>
    Effect.gen(function* () {
      const { admit, written } = yield* started
      for (const number of [1, 2, 3, 4, 5]) admit(record(number), "kind", 3)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(written, [
        { number: 1 },
        { number: 2 },
        { number: 3 },
        { number: 5, repeated: 2 }
      ])
    })
  )

  it.effect("has its count told when the program ends", () =>
    Effect.gen(function* () {
      const { admit, end, written } = yield* started
      for (const number of [1, 2, 3]) admit(record(number), "kind", 1)
      yield* end
      assert.deepStrictEqual(written, [{ number: 1 }, { number: 3, repeated: 2 }])
    })
  )
})
