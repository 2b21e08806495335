import { assert, describe, it } from "@effect/vitest"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Effect, Exit, Fiber, Latch, Scope } from "effect"
import { BufferPool, type BodyBuffers } from "../../../src/http/package/BufferPool.ts"

const kib = 1024

/** Acquires the buffers of `count` response bodies from the pool. The effect `end` ends these bodies. */
const bodies = Effect.fnUntraced(function* (pool: BufferPool, count: number) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const buffers = yield* Effect.replicateEffect(Scope.provide(pool.acquire, scope), count)
  return { buffers, end: Scope.close(scope, Exit.void) }
})

/**
 * Returns the size, in bytes, of the sixth buffer that a body takes. Earlier buffers may be smaller, because the size
 * grows with the first reads.
 */
const size = (body: BodyBuffers): number => {
  const sizes = Array.from({ length: 6 }, () => {
    const buffer = body.take()
    body.release(buffer)
    return buffer.length
  })
  return sizes.at(-1) ?? 0
}

describe("BufferPool", () => {
  it.effect(
    "gives out smaller buffers the more bodies are in progress, and larger ones again when they end",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const first = yield* pool.acquire
      assert.deepStrictEqual([size(first), first.maxInUse()], [1024 * kib, 4])
      const ten = yield* bodies(pool, 10)
      assert.deepStrictEqual([size(first), first.maxInUse()], [256 * kib, 2])
      const thousand = yield* bodies(pool, 1000)
      assert.strictEqual(size(first), 16 * kib)
      yield* thousand.end
      yield* ten.end
      assert.strictEqual(size(first), 1024 * kib)
    })
  )

  it.effect(
    "reuses a buffer after it is released, and not before",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const body = yield* pool.acquire
      size(body)
      const [one, other] = [body.take(), body.take()]
      assert.notStrictEqual(one.buffer, other.buffer)
      body.release(one)
      assert.strictEqual(body.take().buffer, one.buffer)
    })
  )

  it.effect(
    "begins with small buffers",
    Effect.fn(function* () {
      const body = yield* new BufferPool().acquire
      assert.deepStrictEqual(
        Array.from({ length: 6 }, () => body.take().length / kib),
        [64, 128, 256, 512, 1024, 1024]
      )
    })
  )

  it.effect(
    "gives small buffers to bodies with slow clients, and leaves the budget to the others",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const slow = yield* bodies(pool, 20)
      const held = slow.buffers.map((body) => body.take())
      const fast = yield* pool.acquire
      const taken = yield* Latch.make()
      const waits = yield* Effect.forEach(slow.buffers, (body) =>
        Effect.forkChild(body.awaitClient(taken.await), { startImmediately: true })
      )
      yield* TestClock.adjust(200)
      assert.strictEqual(size(fast), 128 * kib)
      yield* TestClock.adjust(1)
      assert.strictEqual(size(fast), 1024 * kib)
      yield* taken.open
      yield* Fiber.joinAll(waits)
      for (const [index, body] of slow.buffers.entries()) {
        body.release(held[index] ?? assert.fail())
        assert.strictEqual(size(body), 16 * kib)
      }
      assert.strictEqual(size(fast), 1024 * kib)
      const [first, second] = slow.buffers
      if (first === undefined || second === undefined) assert.fail()
      yield* first.awaitClient(Effect.void)
      assert.deepStrictEqual([size(first), size(second)], [1024 * kib, 16 * kib])
    })
  )

  it.effect(
    "limits the memory in use, even if fast clients stop reading one after another",
    Effect.fn(function* () {
      const pool = new BufferPool()
      let lent = 0
      for (let count = 0; count < 1000; count++) {
        const slow = yield* pool.acquire
        size(slow)
        lent += slow.take().length + slow.take().length
        yield* Effect.forkChild(slow.awaitClient(Effect.never), { startImmediately: true })
        yield* TestClock.adjust(201)
      }
      const most = 24 * kib * kib + 2000 * 16 * kib
      assert.isAtMost(lent, most)
    })
  )

  it.effect(
    "gives out the same sizes again after all bodies have ended",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const others = yield* bodies(pool, 30)
      const held = others.buffers.map((body) => [body, body.take()] as const)
      for (const [body] of held.slice(10)) yield* Effect.forkChild(body.awaitClient(Effect.never))
      yield* TestClock.adjust(201)
      yield* others.end
      // A buffer of a failed write is released late or never.
      for (const [body, buffer] of held.slice(20)) body.release(buffer)
      const body = yield* pool.acquire
      assert.deepStrictEqual([size(body), body.maxInUse()], [1024 * kib, 4])
      const all = yield* bodies(pool, 24)
      assert.strictEqual(size(all.buffers[0] ?? assert.fail()), 128 * kib)
    })
  )

  it.effect(
    "frees the memory of buffers that it does not keep",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const body = yield* pool.acquire
      size(body)
      const buffers = Array.from({ length: 6 }, () => body.take())
      for (const buffer of buffers) body.release(buffer)
      assert.strictEqual(buffers.filter(({ length }) => length > 0).length * kib * kib, 3 * kib * kib)
    })
  )
})
