import { Bucket } from "@registry-packages-proxy/testkit"
import { cap, suite, suiteKept } from "@registry-packages-proxy/testkit/blob-store/BlobStoreSuite"
import { Effect, Layer } from "effect"
import * as BucketStore from "../src/BucketStore.ts"

/** A store over a bucket of its own; each time the layer is built is a restart. */
const place = Effect.sync(() => Layer.fresh(BucketStore.layer(new Bucket(), cap)))

suite("bucket", Layer.unwrap(place))
suiteKept("bucket", place)
