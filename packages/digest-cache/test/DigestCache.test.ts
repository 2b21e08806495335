import * as NodeServices from "@effect/platform-node/NodeServices"
import { Bucket } from "@registry-packages-proxy/testkit/blob-store/Bucket"
import * as ObjectStore from "@registry-packages-proxy/testkit/blob-store/ObjectStore"
import { suiteStreaming } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheStreamingSuite"
import { cacheCapBytes, suite } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheSuite"
import { Effect, FileSystem, Layer } from "effect"
import { DigestCache } from "../src/DigestCache.ts"

const live = Layer.unwrap(
  Effect.gen(function* () {
    const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
    return DigestCache.layer({ directory, cap: cacheCapBytes })
  })
).pipe(Layer.provide(NodeServices.layer))

const memory = DigestCache.layerMemory({ cap: cacheCapBytes })

const objects = DigestCache.layerStore().pipe(
  Layer.provide(
    Layer.unwrap(Effect.sync(() => ObjectStore.layer(new Bucket(), { maxSize: cacheCapBytes - 1 })))
  ),
  Layer.provide(NodeServices.layer)
)

for (const [name, cache] of [
  ["live", live],
  ["in memory", memory],
  ["over an object store", objects]
] as const) {
  suite(name, cache)
  suiteStreaming(name, cache)
}
