import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  cappedStoreBytes,
  suite,
  suiteCapped,
  suiteDurable
} from "@registry-packages-proxy/testkit/blob-store/BlobStoreSuite"
import { Bucket } from "@registry-packages-proxy/testkit/blob-store/Bucket"
import * as FaultyBlobStore from "@registry-packages-proxy/testkit/blob-store/FaultyBlobStore"
import * as ObjectStore from "@registry-packages-proxy/testkit/blob-store/ObjectStore"
import { Effect, FileSystem, Layer } from "effect"
import { BlobStore } from "../src/BlobStore.ts"

const fileSystem = Effect.gen(function* () {
  const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  return Layer.fresh(BlobStore.layerFileSystem({ directory, cap: cappedStoreBytes })).pipe(
    Layer.provide(NodeServices.layer)
  )
}).pipe(Effect.provide(NodeServices.layer))

const objects = Effect.sync(() => {
  const bucket = new Bucket()
  return Layer.fresh(ObjectStore.layer(bucket, { maxSize: cappedStoreBytes })).pipe(
    Layer.provide(NodeServices.layer)
  )
})

const memory = BlobStore.layerMemory({ cap: cappedStoreBytes })

suite("file system", Layer.unwrap(fileSystem))
suiteCapped("file system", Layer.unwrap(fileSystem))
suiteDurable("file system", fileSystem)
suite("memory", memory)
suiteCapped("memory", memory)
suite("memory with injected faults", FaultyBlobStore.layer.pipe(Layer.provide(memory)))
suite("object store", Layer.unwrap(objects))
suiteDurable("object store", objects)
