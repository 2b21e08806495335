import { assert, describe, it } from "@effect/vitest"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Clock, Effect, Exit, Scope } from "effect"
import type { LogRecord } from "../../src/logging/LogRecord.ts"
import * as LogRateLimit from "../../src/logging/LogRateLimit.ts"

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
  const writeLimited = yield* LogRateLimit.make(
    yield* Clock.Clock,
    ({ fields }) => void written.push(fields)
  ).pipe(Scope.provide(scope))
  return { writeLimited, written, close: Scope.close(scope, Exit.void) }
})

describe("repeated log lines", () => {
  it.effect("with one key are written once a minute, with the count of repeated lines", () =>
    Effect.gen(function* () {
      const { writeLimited, written } = yield* started
      // One line per second for an hour.
      for (let second = 0; second < 3600; second++) {
        writeLimited(record(second), "down", 1)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(written.length, 61)
      assert.deepStrictEqual(written.slice(0, 3), [
        { number: 0 },
        { number: 59, repeated: 59 },
        { number: 119, repeated: 60 }
      ])
      const counted = written.reduce((sum, { repeated = 1 }) => sum + Number(repeated), 0)
      assert.strictEqual(counted, 3600)
    })
  )

  it.effect("are written if their keys differ, or if they are more than a minute apart", () =>
    Effect.gen(function* () {
      const { writeLimited, written } = yield* started
      writeLimited(record(1), "one", 1)
      writeLimited(record(2), "two", 1)
      yield* TestClock.adjust("1 minute")
      writeLimited(record(3), "one", 1)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(written, [{ number: 1 }, { number: 2 }, { number: 3 }])
    })
  )

  it.effect("are written up to the burst in each minute", () =>
    Effect.gen(function* () {
      const { writeLimited, written } = yield* started
      for (const number of [1, 2, 3, 4, 5]) writeLimited(record(number), "kind", 3)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(written, [
        { number: 1 },
        { number: 2 },
        { number: 3 },
        { number: 5, repeated: 2 }
      ])
    })
  )

  it.effect("are counted when the scope closes", () =>
    Effect.gen(function* () {
      const { close, writeLimited, written } = yield* started
      for (const number of [1, 2, 3]) writeLimited(record(number), "kind", 1)
      yield* close
      assert.deepStrictEqual(written, [{ number: 1 }, { number: 3, repeated: 2 }])
    })
  )
})
