import * as NodeServices from "@effect/platform-node/NodeServices"
import { Bucket } from "@registry-packages-proxy/testkit/blob-store/Bucket"
import * as ObjectStore from "@registry-packages-proxy/testkit/blob-store/ObjectStore"
import { suiteStreaming } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheStreamingSuite"
import { cap, suite } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheSuite"
import { Effect, FileSystem, Layer } from "effect"
import * as Live from "../src/DigestCacheLive.ts"

const live = Layer.unwrap(
  Effect.gen(function* () {
    const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
    return Live.layer({ directory, cap })
  })
).pipe(Layer.provide(NodeServices.layer))

const memory = Live.layerMemory({ cap })

const objects = Live.layerStore().pipe(
  Layer.provide(Layer.unwrap(Effect.sync(() => ObjectStore.layer(new Bucket(), { maxSize: cap - 1 })))),
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
