import { openAndRead, awaitPullEnd } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { withHarness } from "../Harness.ts"

describe("the modes of the cache's files", () => {
  it.effect("creates private directories and files, and tightens those of an earlier run", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const modeOf = (path: string) =>
          Effect.map(Effect.orDie(harness.fs.stat(path)), ({ mode }) => (mode & 0o7777).toString(8))
        const wanted = new TestPackage({ size: 600_000, seed: 1 })
        const blobs = `${harness.directory}/blobs`
        yield* Effect.orDie(harness.fs.chmod(harness.directory, 0o755))
        yield* harness.run(Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted)))
        const [name = ""] = yield* harness.blobs
        const file = harness.pathOf(name)
        const modes = Effect.forEach([harness.directory, blobs, file], modeOf)
        assert.deepStrictEqual(yield* modes, ["700", "700", "600"])
        const loosen = Effect.orDie(
          Effect.forEach([harness.directory, blobs, file], (path) => harness.fs.chmod(path, 0o775))
        )
        yield* loosen
        yield* harness.run(Effect.map(openAndRead(wanted), ({ result }) => assert.strictEqual(result, "hit")))
        assert.deepStrictEqual(yield* modes, ["700", "700", "600"])
        // A directory with foreign files keeps its mode.
        yield* loosen
        yield* Effect.orDie(harness.fs.writeFile(`${harness.directory}/notes`, new Uint8Array(1)))
        yield* harness.run(Effect.map(openAndRead(wanted), ({ result }) => assert.strictEqual(result, "hit")))
        assert.deepStrictEqual(yield* modes, ["775", "700", "600"])
        // If chmod fails, the cache still works.
        yield* loosen
        yield* harness.faults.set({ operation: "chmod", reason: "PermissionDenied" })
        yield* harness.run(Effect.map(openAndRead(wanted), ({ result }) => assert.strictEqual(result, "hit")))
        assert.deepStrictEqual(yield* modes, ["775", "775", "775"])
      })
    )
  )

  it.effect("creates private directories, missing parents included", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const above = `${harness.directory}/above`
        const layer = harness.live({ directory: `${above}/cache` })
        yield* Effect.provide(Effect.void, layer)
        for (const path of [above, `${above}/cache`, `${above}/cache/blobs`]) {
          const { mode } = yield* Effect.orDie(harness.fs.stat(path))
          assert.strictEqual((mode & 0o777).toString(8), "700")
        }
      })
    )
  )
})
