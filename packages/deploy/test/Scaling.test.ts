import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Heap } from "../src/Heap.ts"
import { type Rollout, simulate } from "../src/Scaling.ts"

const mebibyte = 1024 * 1024

/** Returns a rollout with round numbers: one master, one node and one package of 100 MiB, apart from `change`. */
const rollout = (change: Partial<Rollout>): Rollout => ({
  masters: 1,
  nodes: 1,
  packages: [100 * mebibyte],
  masterRate: 100 * mebibyte,
  nodeRate: 50 * mebibyte,
  upstreamRate: 10 * mebibyte,
  cache: 1024 * mebibyte,
  requestSeconds: 0,
  startSeconds: 0,
  sharing: false,
  seed: 1,
  ...change
})

describe("the simulated rollout", () => {
  it("lasts, for one node, as long as the slowest link and the requests need", () => {
    assert.approximately(simulate(rollout({})).seconds, 10, 1e-9)
    assert.approximately(simulate(rollout({ upstreamRate: 1e12 })).seconds, 2, 1e-9)
    const three = {
      packages: [1, 2, 3].map((size) => size * mebibyte),
      upstreamRate: 1e12,
      requestSeconds: 0.5
    }
    assert.approximately(simulate(rollout(three)).seconds, 6 / 50 + 3 * 0.5, 1e-3)
  })

  it("shares a master's rate among nodes", () => {
    const { seconds } = simulate(rollout({ nodes: 40, upstreamRate: 1e12 }))
    assert.approximately(seconds, 40, 1e-6)
  })

  it("pulls each package once per master, or once in total with sharing", () => {
    const many = { masters: 3, nodes: 200, packages: Array.from({ length: 10 }, () => mebibyte) }
    assert.strictEqual(simulate(rollout(many)).upstreamPulls, 30)
    assert.strictEqual(simulate(rollout({ ...many, sharing: true })).upstreamPulls, 10)
  })

  it("pulls packages again that a small cache has evicted", () => {
    const small = { nodes: 20, packages: Array.from({ length: 10 }, () => mebibyte), cache: 5 * mebibyte }
    assert.isAbove(simulate(rollout(small)).upstreamPulls, 10)
  })

  it("rejects downloads beyond a replica's limit, and serves them later", () => {
    const crowd = simulate(rollout({ nodes: 5000, packages: [1024] }))
    assert.isAbove(crowd.rejected, 0)
    assert.strictEqual(crowd.servedBytes, 5000 * 1024)
  })

  it("serves all packages to all nodes, for any numbers, and never faster than the links", () => {
    const size = fc.integer({ min: 1, max: 50 }).map((size) => size * mebibyte)
    fc.assert(
      fc.property(
        fc.record({
          masters: fc.integer({ min: 1, max: 5 }),
          nodes: fc.integer({ min: 1, max: 40 }),
          packages: fc.array(size, { minLength: 1, maxLength: 8 }),
          sharing: fc.boolean(),
          seed: fc.nat()
        }),
        (change) => {
          const whole = rollout(change)
          const total = whole.packages.reduce((sum, size) => sum + size)
          const result = simulate(whole)
          assert.strictEqual(result.servedBytes, total * whole.nodes)
          assert.isAtMost(result.upstreamPulls, whole.packages.length * (whole.sharing ? 1 : whole.masters))
          assert.isAtLeast(result.seconds * 1.000001, total / whole.nodeRate)
          assert.isAtLeast(
            result.seconds * 1.000001,
            (total * whole.nodes) / (whole.masters * whole.masterRate)
          )
          assert.isAtLeast(result.seconds * 1.000001, result.upstreamBytes / whole.upstreamRate)
          assert.isAtMost(result.medianSeconds, result.seconds)
        }
      )
    )
  })

  it("is the same in each run with the same seed", () => {
    const whole = rollout({ masters: 3, nodes: 30, packages: [1, 2, 3, 4].map((size) => size * mebibyte) })
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
