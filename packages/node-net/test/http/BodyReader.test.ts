import { assert, describe, it } from "@effect/vitest"
import { connectionClosed } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as BodyReader from "@registry-packages-proxy/node-net/http/BodyReader"
import { IncomingBody } from "@registry-packages-proxy/node-net/http/IncomingBody"
import { Effect, Exit, Fiber, Pull, Scope } from "effect"
import fc from "fast-check"

/** Makes a body, and records the calls to its connection. */
const make = () => {
  const calls: Array<"pause" | "resume" | "close"> = []
  const body = new IncomingBody({
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    close: () => {
      calls.push("close")
      body.end(connectionClosed)
    }
  })
  return { body, calls }
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

const text = (chunks: BodyReader.Chunks): string => Buffer.concat(chunks).toString("latin1")

const turn = Effect.promise(() => new Promise(setImmediate))

describe("a body", () => {
  it.effect(
    "buffers bytes that arrive before it is opened, and pauses its connection until then",
    Effect.fn(function* () {
      const { body, calls } = make()
      const shared = Buffer.from("abc", "latin1")
      body.deliver(shared, true)
      shared.fill("?")
      assert.deepStrictEqual(calls, ["pause"])
      const pull = yield* BodyReader.open(body, { readAhead: 100 })
      assert.deepStrictEqual(calls, ["pause", "resume"])
      assert.strictEqual(text(yield* pull), "abc")
    })
  )

  it.effect(
    "wakes a waiting pull once for all bytes that arrive together",
    Effect.fn(function* () {
      const { body } = make()
      const pull = yield* BodyReader.open(body, { readAhead: 100 })
      const waiting = yield* Effect.forkChild(pull)
      yield* turn
      body.deliver(bytes("a"), false)
      body.deliver(bytes("b"), false)
      const chunks = yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        chunks.map((chunk) => text([chunk])),
        ["a", "b"]
      )
    })
  )

  it.effect(
    "gives its bytes before its end or failure",
    Effect.fn(function* () {
      for (const failure of [undefined, connectionClosed]) {
        const { body } = make()
        const pull = yield* BodyReader.open(body, { readAhead: 100 })
        body.deliver(bytes("a"), false)
        body.end(failure)
        assert.strictEqual(text(yield* pull), "a")
        for (let round = 0; round < 2; round++) {
          const end = yield* Effect.result(Pull.catchDone(pull, () => Effect.succeed("done" as const)))
          assert.deepStrictEqual(end._tag === "Success" ? end.success : end.failure, failure ?? "done")
        }
      }
    })
  )

  it.effect(
    "pauses its connection when enough is buffered, and resumes it when the consumer takes the bytes",
    Effect.fn(function* () {
      const { body, calls } = make()
      const pull = yield* BodyReader.open(body, { readAhead: 4 })
      body.deliver(bytes("abc"), false)
      assert.deepStrictEqual(calls, [])
      body.deliver(bytes("d"), false)
      assert.deepStrictEqual(calls, ["pause"])
      assert.strictEqual(text(yield* pull), "abcd")
      assert.deepStrictEqual(calls, ["pause", "resume"])
    })
  )

  it.effect(
    "closes its connection when it is cancelled, unless it is complete",
    Effect.fn(function* () {
      for (const isWhole of [false, true]) {
        const { body, calls } = make()
        const scope = yield* Scope.make()
        yield* Effect.asVoid(Scope.provide(BodyReader.open(body, { readAhead: 100 }), scope))
        body.deliver(bytes("a"), false)
        if (isWhole) body.end(undefined)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(calls, isWhole ? [] : ["close"])
      }
    })
  )
})

describe("lent buffers", () => {
  /** Makes buffers of `size` bytes. Each `take` returns a new buffer. `lent` contains all buffers so far. */
  const makeBuffers = (size: number) => {
    const lent: Array<Uint8Array> = []
    return {
      lent,
      take: () => {
        const buffer = new Uint8Array(size)
        lent.push(buffer)
        return buffer
      }
    }
  }

  it("hold all bytes in order, one chunk in each, whatever the sizes", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 30 }),
        (pieces, size, readAhead) =>
          Effect.runPromise(
            Effect.scoped(
              Effect.gen(function* () {
                const { body } = make()
                const buffers = makeBuffers(size)
                const pull = yield* BodyReader.open(body, { readAhead, buffers })
                const got: Array<Uint8Array> = []
                const reading = yield* Effect.forkChild(
                  Pull.catchDone(
                    Effect.forever(Effect.flatMap(pull, (chunks) => Effect.sync(() => got.push(...chunks)))),
                    () => Effect.void
                  )
                )
                const shared = new Uint8Array(40)
                for (const piece of pieces) {
                  shared.set(piece)
                  body.deliver(shared.subarray(0, piece.length), true)
                  shared.fill(255)
                  if (piece[0] !== undefined && piece[0] % 2 === 0) yield* turn
                }
                body.end(undefined)
                yield* Fiber.join(reading)
                assert.deepStrictEqual(Buffer.concat(got), Buffer.concat(pieces))
                assert.strictEqual(new Set(got.map(({ buffer }) => buffer)).size, got.length)
                for (const chunk of got)
                  assert.isTrue(buffers.lent.some(({ buffer }) => buffer === chunk.buffer))
              })
            )
          )
      ),
      { numRuns: 100 }
    ))
})
