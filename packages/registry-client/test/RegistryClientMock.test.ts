import { assert, describe, layer } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import { Deferred, Effect, Fiber, Option, Stream } from "effect"
import { RegistryClient } from "../src/RegistryClient.ts"
import { BlobNotFound, TimedOut } from "../src/RegistryError.ts"
import { repository } from "./FakeUpstream.ts"

const bytes = new Uint8Array([1, 2, 3, 4, 5])

describe("RegistryClientMock", () => {
  layer(RegistryClientMock.layer())((it) => {
    it.effect(
      "serves images, counts calls, and injects failures and stalls",
      Effect.fn(function* () {
        const client = yield* RegistryClient
        const mock = yield* RegistryClientMock
        const image = yield* mock.putPackage(bytes)
        const from = repository()
        const resolve = client.resolve(from, image.digest, Platform.make("linux/amd64"))
        yield* mock.injectFaults("resolve", { _tag: "Fail", reason: new TimedOut({ phase: "connect" }) })
        assert.strictEqual((yield* Effect.flip(resolve)).reason._tag, "TimedOut")
        const descriptor = yield* resolve
        assert.strictEqual(yield* mock.callCount("resolve"), 2)

        const blob = client.blob(from, descriptor, 1)
        yield* mock.injectFaults("blob", { _tag: "Fail", reason: new BlobNotFound({}), after: 2 })
        const broken = yield* Effect.flip(Stream.runDrain(blob))
        assert.strictEqual(broken.reason._tag, "BlobNotFound")

        const until = yield* Deferred.make<void>()
        yield* mock.injectFaults("blob", { _tag: "Stall", until: Deferred.await(until), after: 1 })
        const reached = yield* Deferred.make<Uint8Array>()
        const fiber = yield* blob.pipe(
          Stream.tap((chunk) => Deferred.succeed(reached, chunk)),
          Stream.runCollect,
          Effect.forkChild
        )
        assert.deepStrictEqual(yield* Deferred.await(reached), bytes.slice(1, 2))
        assert.strictEqual(yield* mock.openStreams, 1)
        yield* Deferred.succeed(until, undefined)
        assert.deepStrictEqual(new Uint8Array(Buffer.concat(yield* Fiber.join(fiber))), bytes.slice(1))
        assert.isTrue(Option.isSome(yield* Stream.runHead(blob)))
        assert.strictEqual(yield* mock.callCount("blob"), 3)
        assert.strictEqual(yield* mock.openStreams, 0)
      })
    )
  })
})
