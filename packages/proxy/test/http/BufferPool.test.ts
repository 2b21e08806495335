import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { BufferPool, type Loan } from "../../src/http/BufferPool.ts"

const kib = 1024

/** Bodies under way, and what ends them. */
const bodies = Effect.fnUntraced(function* (pool: BufferPool, count: number) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const loans = yield* Effect.replicateEffect(Scope.provide(pool.acquire, scope), count)
  return { loans, end: Scope.close(scope, Exit.void) }
})

/** What the next read of a body would get. */
const size = (loan: Loan): number => {
  const buffer = loan.take()
  loan.giveBack(buffer)
  return buffer.length
}

describe("BufferPool", () => {
  it.effect(
    "lends less at a time the more bodies are under way, and more again when they have ended",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const first = yield* pool.acquire
      assert.deepStrictEqual([size(first), first.depth()], [512 * kib, 4])
      const ten = yield* bodies(pool, 10)
      assert.deepStrictEqual([size(first), first.depth()], [128 * kib, 2])
      const thousand = yield* bodies(pool, 1000)
      assert.strictEqual(size(first), 16 * kib)
      yield* thousand.end
      yield* ten.end
      assert.strictEqual(size(first), 512 * kib)
    })
  )

  it.effect(
    "uses a buffer again once it was given back, and not before",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const loan = yield* pool.acquire
      const [one, other] = [loan.take(), loan.take()]
      assert.notStrictEqual(one.buffer, other.buffer)
      loan.giveBack(one)
      assert.strictEqual(loan.take().buffer, one.buffer)
    })
  )

  it.effect(
    "lends little to who is slow, whoever came first, and counts it no more once it holds nothing larger",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const slow = yield* bodies(pool, 20)
      const held = slow.loans.map((loan) => loan.take())
      const fast = yield* pool.acquire
      for (const loan of slow.loans) loan.waited(2000)
      assert.strictEqual(size(fast), 128 * kib, "the slow ones hold larger buffers still")
      for (const [index, loan] of slow.loans.entries()) {
        loan.giveBack(held[index] ?? assert.fail())
        assert.strictEqual(size(loan), 16 * kib)
      }
      assert.strictEqual(size(fast), 512 * kib)
      slow.loans[0]?.waited(3)
      assert.deepStrictEqual(slow.loans.slice(0, 2).map(size), [512 * kib, 16 * kib])
    })
  )

  it.effect(
    "frees at once what it does not keep",
    Effect.fn(function* () {
      const pool = new BufferPool()
      const loan = yield* pool.acquire
      const buffers = Array.from({ length: 10 }, () => loan.take())
      for (const buffer of buffers) loan.giveBack(buffer)
      assert.deepStrictEqual(
        buffers.map(({ length }) => length),
        [...Array.from({ length: 8 }, () => 512 * kib), 0, 0]
      )
    })
  )
})
