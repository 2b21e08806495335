import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { compareServers } from "../../src/cases/CompareServers.ts"

describe("compareServers", () => {
  it("reports the median of the rounds' p50 and the largest p99, without the warm-up round", async () => {
    const samples = [99, 0.1, 0.3, 0.2].map((p50) => ({ p50, p99: p50 + 0.5 }))
    const { rows } = await Effect.runPromise(
      compareServers({
        title: "a case",
        unit: "requests/s",
        lessIsBetter: false,
        rounds: 3,
        servers: [{ name: "this process", pid: process.pid, url: () => "", emptyCache: Effect.void }],
        measureRound: () =>
          Effect.sync(() => ({ value: 1, bytes: 1, firstByte: samples.shift() ?? { p50: 0, p99: 0 } }))
      })
    )
    assert.deepStrictEqual(rows[0]?.firstByte, { p50: 0.2, p99: 0.8 })
  })
})
