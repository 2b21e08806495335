import { assert, describe, it } from "@effect/vitest"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import { type PackageLayer, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import type { Repository } from "@registry-packages-proxy/registry-client/Repository"
import type { RegistryError } from "@registry-packages-proxy/registry-client/RegistryError"
import { Context, Effect, type Layer, Option, Stream } from "effect"
import { TestBuffers } from "./TestBuffers.ts"
import * as RegistryBlob from "../images/RegistryBlob.ts"
import * as RegistryImage from "../images/RegistryImage.ts"

/** The repository from which the client under test pulls the suite's images. */
export class SuiteRepository extends Context.Service<SuiteRepository, Repository>()(
  "@registry-packages-proxy/testkit/SuiteRepository"
) {}

/** The name of the repository that must contain the suite's images. */
export const suiteRepositoryName = RepositoryName.make("suite/packages")

const amd64 = Platform.make("linux/amd64")
const arm64 = Platform.make("linux/arm64")
const bytes = RegistryBlob.randomBytes(7, 300_000)
const small = RegistryImage.ofPackage(RegistryBlob.randomBytes(1, 17))
const large = RegistryImage.image([
  { blob: RegistryBlob.fromBytes(RegistryBlob.randomBytes(3, 64)) },
  { blob: RegistryBlob.fromBytes(bytes) }
])
const zstd = RegistryImage.ofPackage(RegistryBlob.randomBytes(5, 99), {
  format: "oci",
  mediaType: "application/vnd.oci.image.layer.v1.tar+zstd"
})
const sha512 = RegistryImage.ofPackage(RegistryBlob.randomBytes(6, 1000), { algorithm: "sha512" })
const index = RegistryImage.index([
  { image: small, platform: "linux/amd64" },
  { image: large, platform: "linux/arm64" }
])
const nested = RegistryImage.inNestedIndexes(index, "linux/amd64", 3)
const tooDeep = RegistryImage.inNestedIndexes(index, "linux/amd64", 4)
const variants = RegistryImage.index([
  { image: large, platform: "linux/amd64/v3" },
  { image: small, platform: "linux/amd64/v1" }
])
const withoutPlatform = RegistryImage.index([{ image: large, platform: "linux/arm64" }, { image: small }])
const attestations = RegistryImage.index([{ image: small, platform: "unknown/unknown" }])
const odd: ReadonlyArray<RegistryImage.IndexEntry> = [
  { json: null },
  { json: {} },
  { json: { digest: `blake3:${"a".repeat(64)}`, platform: {} } },
  { json: { digest: "x", platform: { os: 7, architecture: ["amd64"] }, size: "7" } }
]
const besideOdd = RegistryImage.index([...odd, { image: small, platform: "linux/amd64" }, ...odd], {
  fields: { mediaType: undefined, annotations: [], subject: 7, schemaVersion: "2" }
})
const leftOut = RegistryImage.image(
  [
    {
      blob: RegistryBlob.fromBytes(RegistryBlob.randomBytes(10, 5)),
      descriptor: { size: undefined, digest: 7 }
    },
    { blob: RegistryBlob.fromBytes(bytes), descriptor: { mediaType: undefined, annotations: "x" } }
  ],
  { fields: { config: null, annotations: 7 } }
)
const empty = RegistryImage.image([
  { blob: RegistryBlob.fromBytes(new Uint8Array()), descriptor: { size: undefined } }
])
const noLayers = RegistryImage.image([])
const foreign = RegistryImage.withForeignLayer(RegistryBlob.fromBytes(RegistryBlob.randomBytes(8, 10)))
const schema1 = RegistryImage.schema1(RegistryBlob.fromBytes(RegistryBlob.randomBytes(9, 10)))

/** The images that the client under test must find in {@link SuiteRepository}. */
export const suiteImages: ReadonlyArray<RegistryImage.RegistryImage> = [
  small,
  large,
  zstd,
  sha512,
  index,
  nested,
  tooDeep,
  variants,
  withoutPlatform,
  attestations,
  besideOdd,
  leftOut,
  empty,
  noLayers,
  foreign,
  schema1
]

const unknown = Digest.make(`sha256:${"0".repeat(64)}`)

const layerOf = (image: RegistryImage.RegistryImage): PackageLayer => {
  const { digest, size } = Option.getOrThrow(Option.fromUndefinedOr(image.layer))
  return { layerDigest: digest, size }
}

const resolve = Effect.fnUntraced(function* (manifestDigest: Digest, platform: Platform = amd64) {
  return yield* (yield* RegistryClient).resolve(yield* SuiteRepository, manifestDigest, platform)
})

const read = Effect.fnUntraced(function* (layer: PackageLayer, offset: number) {
  const blob = (yield* RegistryClient).blob(yield* SuiteRepository, layer, offset)
  return new Uint8Array(Buffer.concat(yield* Stream.runCollect(blob)))
})

const reasonOf = <A, R>(effect: Effect.Effect<A, RegistryError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) =>
    reason._tag === "ManifestError" ? reason.reason._tag : reason._tag
  )

/**
 * Defines the tests that every RegistryClient must pass. SuiteRepository must have the name {@link suiteRepositoryName}
 * and contain {@link suiteImages}.
 */
export const suite = <E>(name: string, layer: Layer.Layer<RegistryClient | SuiteRepository, E>) =>
  describe(`RegistryClient (${name})`, () => {
    const test = (
      title: string,
      body: () => Effect.Effect<void, unknown, RegistryClient | SuiteRepository>
    ) => it.effect(title, () => Effect.provide(body(), layer))

    test(
      "resolve - returns the last layer of a manifest",
      Effect.fn(function* () {
        assert.deepStrictEqual(yield* resolve(large.digest), {
          layerDigest: layerOf(large).layerDigest,
          size: bytes.length,
          compression: "gzip",
          viaIndex: false
        })
      })
    )

    test(
      "resolve - takes the compression from the layer's media type",
      Effect.fn(function* () {
        assert.strictEqual((yield* resolve(zstd.digest)).compression, "zstd")
      })
    )

    test(
      "resolve - follows an index to the manifest of the platform",
      Effect.fn(function* () {
        const first = yield* resolve(index.digest, amd64)
        const second = yield* resolve(index.digest, arm64)
        assert.deepStrictEqual([first.layerDigest, first.viaIndex], [layerOf(small).layerDigest, true])
        assert.deepStrictEqual([second.layerDigest, second.viaIndex], [layerOf(large).layerDigest, true])
      })
    )

    test(
      "resolve - selects the entry that matches the platform best, or else the entry without a platform",
      Effect.fn(function* () {
        const [v1, v3] = [layerOf(small).layerDigest, layerOf(large).layerDigest]
        assert.strictEqual((yield* resolve(variants.digest)).layerDigest, v1)
        assert.strictEqual((yield* resolve(variants.digest, Platform.make("linux/amd64/v3"))).layerDigest, v3)
        assert.strictEqual((yield* resolve(withoutPlatform.digest)).layerDigest, v1)
        assert.strictEqual((yield* resolve(withoutPlatform.digest, arm64)).layerDigest, v3)
      })
    )

    test(
      "resolve - follows nested indexes",
      Effect.fn(function* () {
        const found = yield* resolve(nested.digest)
        assert.deepStrictEqual([found.layerDigest, found.viaIndex], [layerOf(small).layerDigest, true])
      })
    )

    test(
      "resolve - ignores malformed entries, if the required entry is valid",
      Effect.fn(function* () {
        assert.strictEqual((yield* resolve(besideOdd.digest)).layerDigest, layerOf(small).layerDigest)
        const { compression, layerDigest, size } = yield* resolve(leftOut.digest)
        assert.deepStrictEqual(
          [compression, layerDigest, size],
          ["gzip", layerOf(leftOut).layerDigest, bytes.length]
        )
        assert.strictEqual((yield* resolve(empty.digest)).size, 0)
      })
    )

    test(
      "resolve - accepts sha512 digests",
      Effect.fn(function* () {
        assert.strictEqual((yield* resolve(sha512.digest)).layerDigest, layerOf(sha512).layerDigest)
      })
    )

    test(
      "resolve - fails with ManifestNotFound for a digest that the registry does not have",
      Effect.fn(function* () {
        assert.strictEqual(yield* reasonOf(resolve(unknown)), "ManifestNotFound")
      })
    )

    test(
      "resolve - fails with the reason why a manifest has no package",
      Effect.fn(function* () {
        assert.strictEqual(
          yield* reasonOf(resolve(index.digest, Platform.make("linux/s390x"))),
          "PlatformNotFound"
        )
        assert.strictEqual(yield* reasonOf(resolve(attestations.digest)), "PlatformNotFound")
        assert.strictEqual(yield* reasonOf(resolve(nested.digest, arm64)), "PlatformNotFound")
        assert.strictEqual(yield* reasonOf(resolve(tooDeep.digest)), "IndexTooDeep")
        assert.strictEqual(yield* reasonOf(resolve(noLayers.digest)), "NoLayers")
        assert.strictEqual(yield* reasonOf(resolve(foreign.digest)), "ForeignLayer")
        assert.strictEqual(yield* reasonOf(resolve(schema1.digest)), "SchemaVersion1")
      })
    )

    test(
      "blob - returns the stored bytes",
      Effect.fn(function* () {
        const layer = layerOf(large)
        const verifier = verifierOf(layer)
        verifier.update(yield* read(layer, 0))
        assert.isTrue(verifier.matches())
      })
    )

    test(
      "blob - returns the bytes from an offset on",
      Effect.fn(function* () {
        for (const offset of [1, 65_536, bytes.length - 1]) {
          assert.deepStrictEqual(yield* read(layerOf(large), offset), bytes.slice(offset))
        }
      })
    )

    test(
      "blob - writes the bytes into the given buffers, or into buffers of its own",
      Effect.fn(function* () {
        const client = yield* RegistryClient
        const repository = yield* SuiteRepository
        for (const size of [1000, 512 * 1024]) {
          const buffers = new TestBuffers(size)
          for (const offset of [0, 65_537]) {
            const blob = client.blob(repository, layerOf(large), offset, buffers)
            assert.isTrue(Buffer.from(bytes.subarray(offset)).equals(yield* buffers.collect(blob)))
          }
        }
      })
    )

    test(
      "blob - returns no bytes if the offset is at the end",
      Effect.fn(function* () {
        assert.strictEqual((yield* read(layerOf(large), bytes.length)).length, 0)
      })
    )

    test(
      "blob - fails with BlobNotFound for a digest that the registry does not have",
      Effect.fn(function* () {
        assert.strictEqual(yield* reasonOf(read({ layerDigest: unknown, size: 5 }, 0)), "BlobNotFound")
      })
    )

    test(
      "blob - can be interrupted at any byte",
      Effect.fn(function* () {
        const blob = (yield* RegistryClient).blob(yield* SuiteRepository, layerOf(large), 0)
        const first = yield* Stream.runHead(blob)
        assert.isTrue(Option.exists(first, (chunk) => chunk.length > 0))
      })
    )
  })
