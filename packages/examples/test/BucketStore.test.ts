import { DigestCache } from "@registry-packages-proxy/digest-cache"
import { Bucket } from "@registry-packages-proxy/testkit"
import {
  cappedStoreBytes,
  suite,
  suiteDurable
} from "@registry-packages-proxy/testkit/blob-store/BlobStoreSuite"
import * as DigestCacheSuite from "@registry-packages-proxy/testkit/digest-cache/DigestCacheSuite"
import { Effect, Layer } from "effect"
import * as BucketStore from "../src/BucketStore.ts"

/** Makes a new bucket and returns a layer of a blob store in it. Building the layer again simulates a restart. */
const place = Effect.sync(() => Layer.fresh(BucketStore.layer(new Bucket(), cappedStoreBytes)))

suite("bucket", Layer.unwrap(place))
suiteDurable("bucket", place)

/** A cache in a new bucket. Its store is too small for packages of `cacheCapBytes` bytes, as the suite requires. */
const cache = DigestCache.layerStore().pipe(
  Layer.provide(
    Layer.unwrap(Effect.sync(() => BucketStore.layer(new Bucket(), DigestCacheSuite.cacheCapBytes - 1)))
  )
)

DigestCacheSuite.suite("over a bucket", cache)
