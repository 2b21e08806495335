import {
  openAndRead,
  peek,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"
import { assertRoom, unfinished, withHarness } from "../Harness.ts"

const large = 600_000
const small = 10_000

/** Returns the start of the file name of a package. */
const nameStart = ({ key }: TestPackage) => key.manifestDigest.replace(":", "-")

const isCached = (wanted: TestPackage) => Effect.map(peek(wanted.key), Option.isSome)

describe("unfinished files of an earlier run", () => {
  for (const reason of ["PermissionDenied", "Unknown"] as const) {
    it.effect(
      `serves cached packages while unfinished files cannot be removed (${reason}), and removes these later`,
      () =>
        withHarness((harness) =>
          Effect.gen(function* () {
            const { directory, faults, fs, pathOf } = harness
            const [first, cut, next] = [1, 2, 3].map((seed) => new TestPackage({ size: large, seed }))
            if (first === undefined || cut === undefined || next === undefined) return
            yield* harness.run(
              Effect.forEach([first, cut], (wanted) =>
                Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
              )
            )
            const nameOfCut = (yield* harness.blobs).find((name) => !name.startsWith(nameStart(first))) ?? ""
            yield* Effect.orDie(
              Effect.gen(function* () {
                yield* fs.truncate(pathOf(nameOfCut), 300_000)
                yield* fs.writeFile(pathOf("ingest-0"), new Uint8Array(200_000))
                yield* fs.makeDirectory(pathOf("ingest-1"))
                yield* fs.writeFile(`${pathOf("ingest-1")}/inside`, new Uint8Array(200_000))
              })
            )
            yield* faults.set({ operation: "remove", reason })
            yield* harness.run(
              Effect.gen(function* () {
                const cache = yield* DigestCache
                assert.deepStrictEqual(yield* openAndRead(first), { result: "hit", isCorrect: true })
                assert.isTrue(yield* cache.degraded)
                assert.isFalse(yield* isCached(cut))
                // The space of files that cannot be removed stays charged.
                assert.deepStrictEqual(yield* openAndRead(next), { result: "bypass", isCorrect: true })
                assert.isTrue((yield* openAndRead(cut)).isCorrect)
                yield* settle
                // New temporary files use other names.
                const little = new TestPackage({ size: small, seed: 9 })
                assert.deepStrictEqual(yield* openAndRead(little), { result: "miss", isCorrect: true })
                yield* faults.set()
                assert.deepStrictEqual(yield* openAndRead(next), { result: "miss", isCorrect: true })
                yield* awaitPullEnd(next)
                assert.isFalse(yield* cache.degraded)
                assert.deepStrictEqual(yield* unfinished(fs, directory), [])
                yield* assertRoom(1_500_000)
              }),
              { cap: 1_500_000 }
            )
          })
        )
    )
  }
})
