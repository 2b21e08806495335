/**
 * Runs the proxy with its cache in a bucket. A second proxy with this bucket serves the packages without a registry.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { DigestCache } from "@registry-packages-proxy/digest-cache"
import { Logging, Program } from "@registry-packages-proxy/proxy"
import {
  Bucket,
  CredentialStoreMock,
  RegistryClientMock,
  RegistryImage
} from "@registry-packages-proxy/testkit"
import { Console, Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import * as BucketStore from "./BucketStore.ts"
import { download } from "./Download.ts"
import { settings } from "./LocalSettings.ts"

/** Simulates a bucket of an S3-like service. */
const bucket = new Bucket()

const kubelet = RegistryImage.ofPackage(new TextEncoder().encode("would be a tar"))

const credentials = CredentialStoreMock.layer({
  sources: {
    "": CredentialStoreMock.registrySource({ host: "registry.example.com", repositoryPrefix: "packages" })
  }
})

/** Returns a proxy whose cache is in the bucket, and whose mock registry has these images. */
const proxy = (images: ReadonlyArray<RegistryImage.RegistryImage>) =>
  Program.layerServer(settings).pipe(
    Layer.provide([credentials, RegistryClientMock.layer(images)]),
    Layer.provide(DigestCache.layerStore()),
    Layer.provide(BucketStore.layer(bucket, 64 * 1024 * 1024)),
    Layer.provide([NodeServices.layer, Logging.layer(settings)]),
    Layer.merge(FetchHttpClient.layer)
  )

const program = Effect.gen(function* () {
  yield* download("kubelet", kubelet.digest).pipe(Effect.provide(proxy([kubelet])))
  for (const { key, size } of yield* bucket.list)
    yield* Console.log(`the bucket has ${key.slice(0, 20)}..., ${size} bytes`)
  yield* download("kubelet from another proxy", kubelet.digest).pipe(Effect.provide(proxy([])))
})

NodeRuntime.runMain(program)
