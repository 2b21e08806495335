import { assert, describe, it } from "@effect/vitest"
import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect, Fiber, Redacted, Result } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as ManifestParser from "../../../src/internal/pull/ManifestParser.ts"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import * as FakeUpstream from "../../FakeUpstream.ts"
import { reason } from "../../FailureReason.ts"

const image = RegistryImage.ofPackage(new Uint8Array([1, 2, 3]))
const other = RegistryImage.ofPackage(new Uint8Array([4]))
const index = RegistryImage.index([
  { image, platform: "linux/amd64" },
  { image: other, platform: "linux/arm64" }
])
const login = (password: string): Credential => ({
  _tag: "Basic",
  username: "user",
  password: Redacted.make(password)
})

/** Makes a registry that sends each response after one second. */
const make = () =>
  FakeUpstream.make(({ url }) => {
    const held = [image, other, index].find(({ digest }) => url.endsWith(digest))
    const answer: FakeUpstream.FakeResponse =
      held === undefined
        ? { status: 404 }
        : { status: 200, body: held.bytes, headers: { "content-type": held.mediaType } }
    return Effect.delay(Effect.succeed(answer), "1 second")
  })

const resolve = (
  options: {
    readonly image?: RegistryImage.RegistryImage
    readonly credential?: Credential
    readonly host?: string
    readonly ca?: string
    readonly name?: string
    readonly platform?: string
  } = {}
) =>
  RegistryClient.use((client) =>
    client.resolve(
      {
        source: FakeUpstream.source({
          credential: options.credential ?? anonymous,
          host: FakeUpstream.host(options.host ?? "registry.test"),
          ca: options.ca
        }),
        name: RepositoryName.make(options.name ?? "some/packages")
      },
      (options.image ?? image).digest,
      Platform.make(options.platform ?? "linux/amd64")
    )
  )

const unknown = RegistryImage.ofBytes("{}")

describe("concurrent reads of manifests", () => {
  for (const [what, asks, requests] of [
    ["are coalesced if they are equal", Array.from({ length: 20 }, () => ({})), 1],
    ["are separate for another digest", [{}, { image: other }], 2],
    ["are separate for another repository", [{}, { name: "other/packages" }], 2],
    ["are separate for another registry", [{}, { host: "other.test" }], 2],
    ["are separate for another credential", [{ credential: login("a") }, { credential: login("b") }], 2],
    ["are separate for another CA", [{}, { ca: "PEM" }], 2],
    ["are separate without a credential", [{}, { credential: login("a") }], 2],
    [
      "are coalesced for an index, whatever the platform, and for each child",
      [
        { image: index },
        { image: index },
        { image: index, platform: "linux/arm64" },
        { image: index, platform: "linux/arm64" }
      ],
      3
    ]
  ] as const) {
    it.effect(
      what,
      Effect.fn(function* () {
        const fake = make()
        yield* Effect.gen(function* () {
          const fibers = yield* Effect.all(asks.map((options) => Effect.forkChild(resolve(options))))
          yield* TestClock.adjust("3 seconds")
          const descriptors = yield* Fiber.joinAll(fibers)
          for (const [at, options] of asks.entries()) {
            const wanted =
              "platform" in options || ("image" in options && options.image === other) ? other : image
            assert.strictEqual(descriptors[at]?.layerDigest, wanted.layer?.digest)
          }
          assert.strictEqual(fake.requests.length, requests)
          assert.strictEqual(fake.open(), 0)
        }).pipe(Effect.provide(fake.layer))
      })
    )
  }

  it.effect(
    "are not reused by later reads",
    Effect.fn(function* () {
      const fake = make()
      yield* Effect.gen(function* () {
        for (let time = 0; time < 2; time++) {
          const fiber = yield* Effect.forkChild(resolve())
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(fiber)
        }
        assert.strictEqual(fake.requests.length, 2)
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "fail together; later reads try again",
    Effect.fn(function* () {
      const fake = make()
      yield* Effect.gen(function* () {
        for (const requests of [1, 2]) {
          const asks = [0, 1, 2].map(() => Effect.forkChild(Effect.result(resolve({ image: unknown }))))
          const fibers = yield* Effect.all(asks)
          yield* TestClock.adjust("1 second")
          for (const result of yield* Fiber.joinAll(fibers))
            assert.strictEqual(reason(result)["_tag"], "ManifestNotFound")
          assert.strictEqual(fake.requests.length, requests)
        }
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "continue when the first reader is interrupted, and end when all are",
    Effect.fn(function* () {
      const fake = make()
      yield* Effect.gen(function* () {
        const first = yield* Effect.forkChild(resolve())
        const second = yield* Effect.forkChild(resolve())
        yield* TestClock.adjust(1)
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(second)).layerDigest, image.layer?.digest)
        assert.strictEqual(fake.requests.length, 1)
      }).pipe(Effect.provide(fake.layer))

      const silent = FakeUpstream.make(() => ({ status: 200, body: "{", afterwards: "silence" }))
      yield* Effect.gen(function* () {
        const fibers = yield* Effect.all([Effect.forkChild(resolve()), Effect.forkChild(resolve())])
        yield* TestClock.adjust(1)
        assert.strictEqual(silent.open(), 1)
        yield* Fiber.interruptAll(fibers)
        assert.strictEqual(silent.open(), 0)
      }).pipe(Effect.provide(silent.layer))
    })
  )
})

describe("large manifests", () => {
  const text = (size: number) =>
    new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, layers: [], x: "x".repeat(size) }))

  it.effect(
    "are parsed once in ten seconds, whatever their repository; small ones each time",
    Effect.fn(function* () {
      const parsed: Array<number> = []
      const parse = yield* ManifestParser.make((bytes, contentType) => {
        parsed.push(bytes.length)
        return Manifest.parse(bytes, contentType)
      })
      const large = text(64 * 1024)
      const small = text(1000)
      for (let time = 0; time < 3; time++) {
        const result = yield* parse(large, undefined, digestOf(large))
        assert.isTrue(Result.isSuccess(result))
        yield* parse(small, undefined, digestOf(small))
      }
      assert.deepStrictEqual(parsed, [large.length, small.length, small.length, small.length])
      // The media type may change how a document is parsed.
      yield* parse(large, "application/vnd.oci.image.index.v1+json", digestOf(large))
      assert.strictEqual(parsed.length, 5)
      yield* TestClock.adjust("10 seconds")
      yield* parse(large, undefined, digestOf(large))
      assert.strictEqual(parsed.length, 6)
    })
  )
})
