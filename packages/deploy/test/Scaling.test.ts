import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Heap } from "../src/Heap.ts"
import { type Rollout, simulate } from "../src/Scaling.ts"

const mebibyte = 1024 * 1024

/**
 * Returns a rollout with one master, one node and one package of 100 MiB, unless `change` replaces these parameters.
 */
const rollout = (change: Partial<Rollout>): Rollout => ({
  masters: 1,
  nodes: 1,
  packageBytes: [100 * mebibyte],
  masterBytesPerSecond: 100 * mebibyte,
  nodeBytesPerSecond: 50 * mebibyte,
  upstreamBytesPerSecond: 10 * mebibyte,
  cacheBytes: 1024 * mebibyte,
  requestSeconds: 0,
  startSeconds: 0,
  mastersShare: false,
  seed: 1,
  ...change
})

describe("the simulated rollout", () => {
  it("lasts, for one node, as long as the slowest link and the requests need", () => {
    assert.approximately(simulate(rollout({})).seconds, 10, 1e-9)
    assert.approximately(simulate(rollout({ upstreamBytesPerSecond: 1e12 })).seconds, 2, 1e-9)
    const three = {
      packageBytes: [1, 2, 3].map((size) => size * mebibyte),
      upstreamBytesPerSecond: 1e12,
      requestSeconds: 0.5
    }
    assert.approximately(simulate(rollout(three)).seconds, 6 / 50 + 3 * 0.5, 1e-3)
  })

  it("shares a master's rate among nodes", () => {
    const { seconds } = simulate(rollout({ nodes: 40, upstreamBytesPerSecond: 1e12 }))
    assert.approximately(seconds, 40, 1e-6)
  })

  it("pulls each package once per master, or once in total with sharing", () => {
    const many = { masters: 3, nodes: 200, packageBytes: Array.from({ length: 10 }, () => mebibyte) }
    assert.strictEqual(simulate(rollout(many)).upstreamPulls, 30)
    assert.strictEqual(simulate(rollout({ ...many, mastersShare: true })).upstreamPulls, 10)
  })

  it("pulls packages again that a small cache has evicted", () => {
    const small = {
      nodes: 20,
      packageBytes: Array.from({ length: 10 }, () => mebibyte),
      cacheBytes: 5 * mebibyte
    }
    assert.isAbove(simulate(rollout(small)).upstreamPulls, 10)
  })

  it("rejects downloads beyond a replica's limit, and serves them later", () => {
    const crowd = simulate(rollout({ nodes: 5000, packageBytes: [1024] }))
    assert.isAbove(crowd.rejectedRequests, 0)
    assert.strictEqual(crowd.servedBytes, 5000 * 1024)
  })

  it("serves all packages to all nodes, for any numbers, and never faster than the links", () => {
    const size = fc.integer({ min: 1, max: 50 }).map((size) => size * mebibyte)
    fc.assert(
      fc.property(
        fc.record({
          masters: fc.integer({ min: 1, max: 5 }),
          nodes: fc.integer({ min: 1, max: 40 }),
          packageBytes: fc.array(size, { minLength: 1, maxLength: 8 }),
          mastersShare: fc.boolean(),
          seed: fc.nat()
        }),
        (change) => {
          const whole = rollout(change)
          const total = whole.packageBytes.reduce((sum, size) => sum + size)
          const result = simulate(whole)
          assert.strictEqual(result.servedBytes, total * whole.nodes)
          assert.isAtMost(
            result.upstreamPulls,
            whole.packageBytes.length * (whole.mastersShare ? 1 : whole.masters)
          )
          assert.isAtLeast(result.seconds * 1.000001, total / whole.nodeBytesPerSecond)
          assert.isAtLeast(
            result.seconds * 1.000001,
            (total * whole.nodes) / (whole.masters * whole.masterBytesPerSecond)
          )
          assert.isAtLeast(result.seconds * 1.000001, result.upstreamBytes / whole.upstreamBytesPerSecond)
          assert.isAtMost(result.medianSeconds, result.seconds)
        }
      )
    )
  })

  it("is the same in each run with the same seed", () => {
    const whole = rollout({
      masters: 3,
      nodes: 30,
      packageBytes: [1, 2, 3, 4].map((size) => size * mebibyte)
    })
    assert.deepStrictEqual(simulate(whole), simulate(whole))
  })
})

describe("Heap", () => {
  it("pops the items in ascending order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a - b)
        for (const number of numbers) heap.push(number)
        const out = numbers.map(() => heap.pop())
        assert.deepStrictEqual(
          out,
          numbers.toSorted((a, b) => a - b)
        )
        assert.isUndefined(heap.pop())
      })
    )
  })
})
