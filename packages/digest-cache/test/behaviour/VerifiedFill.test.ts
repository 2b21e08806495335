import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { openAndRead } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { intercept } from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { Effect, FileSystem, Latch, Layer } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"

it.effect("a verified package is a hit before its file is renamed", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const renaming = Latch.makeUnsafe(false)
    const held = intercept(fs, {
      before: (operation) => (operation === "rename" ? renaming.await : Effect.void),
      after: () => Effect.void
    })
    const cache = DigestCache.layer({ directory, cap: 4_000_000 }).pipe(
      Layer.provide(Layer.succeed(FileSystem.FileSystem, held))
    )
    yield* Effect.gen(function* () {
      const wanted = new TestPackage({ size: 1_000_000, seed: 1 })
      assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
      assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
      yield* renaming.open
    }).pipe(Effect.provide(cache))
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
)
