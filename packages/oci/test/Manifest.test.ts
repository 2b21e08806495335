import { assert, describe, it } from "@effect/vitest"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { Result } from "effect"
import fc from "fast-check"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"

const digest = (character: string) => `sha256:${character.repeat(64)}`
const gzip = "application/vnd.oci.image.layer.v1.tar+gzip"
const layer = (character: string, mediaType = gzip) => ({ mediaType, digest: digest(character), size: 7 })
const bytes = (document: unknown) =>
  new TextEncoder().encode(typeof document === "string" ? document : JSON.stringify(document))

const read = (document: unknown, contentType?: string) => Manifest.parse(bytes(document), contentType)
const tagOf = <A>(result: Result.Result<A, ManifestError>) =>
  Result.match(result, { onFailure: (error) => error.reason._tag as string, onSuccess: () => "success" })
const packageOf = (document: unknown, contentType?: string) =>
  Result.flatMap(read(document, contentType), (manifest) => {
    assert.strictEqual(manifest._tag, "ImageManifest")
    return Manifest.packageLayer(manifest as Manifest.ImageManifest)
  })
const indexOf = (document: unknown, contentType?: string) => {
  const index = Result.getOrThrow(read(document, contentType))
  assert.strictEqual(index._tag, "ImageIndex")
  return index as Manifest.ImageIndex
}

const ociManifest = {
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digest("c"), size: 2 },
  layers: [layer("a"), layer("b")]
}
const dockerManifest = {
  schemaVersion: 2,
  mediaType: MediaType.dockerManifest,
  config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: digest("c"), size: 2 },
  layers: [
    layer("a", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    layer("b", "application/vnd.docker.image.rootfs.diff.tar.gzip")
  ]
}
const child = (character: string, os: string, architecture: string, variant?: string) => ({
  mediaType: MediaType.ociManifest,
  digest: digest(character),
  size: 7,
  platform: {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    "os.version": "1",
    features: []
  }
})
const index = {
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests: [child("a", "linux", "arm64", "v8"), child("b", "linux", "amd64"), child("d", "linux", "amd64")]
}
const amd64 = Platform.make("linux/amd64")

describe("Manifest", () => {
  it.each([
    ["OCI", ociManifest],
    ["Docker schema 2", dockerManifest]
  ])("the last layer of an %s manifest is the package", (_name, document) => {
    assert.deepEqual<unknown>(Result.getOrThrow(packageOf(document)), document.layers[1])
  })

  it("the last layer of any manifest is read, whatever the layers before it", () => {
    const size = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
    const descriptor = fc.record({ mediaType: fc.string(), digest: arbitrary.digest, size })
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), descriptor, fc.jsonValue(), (before, last, anything) => {
        const document = {
          ...ociManifest,
          config: anything,
          annotations: anything,
          layers: [...before, last]
        }
        assert.deepEqual<unknown>(Result.getOrThrow(packageOf(document)), last)
      })
    )
  })

  it("ignores unknown fields and nulls, as the specifications say", () => {
    const document = {
      ...ociManifest,
      annotations: { a: "b" },
      subject: null,
      artifactType: "x",
      unknown: [1],
      layers: [{ ...layer("a"), annotations: null, urls: null, data: "", unknown: {} }]
    }
    assert.strictEqual(Result.getOrThrow(packageOf(document)).digest, digest("a"))
  })

  it("is what its content says; if it has neither layers nor manifests, what its mediaType or Content-Type says", () => {
    const { mediaType: _, ...untyped } = ociManifest
    for (const mediaType of [
      undefined,
      null,
      "",
      "application/x",
      "constructor",
      7,
      MediaType.dockerManifest
    ]) {
      for (const contentType of [
        undefined,
        "application/json",
        "text/plain",
        MediaType.ociIndex,
        "a/schema1"
      ]) {
        assert.strictEqual(tagOf(packageOf({ ...untyped, mediaType }, contentType)), "success")
      }
    }
    const { mediaType: __, ...untypedIndex } = index
    assert.lengthOf(indexOf(untypedIndex, MediaType.ociManifest).manifests, 3)
    assert.strictEqual(tagOf(packageOf({}, `${MediaType.ociManifest}; charset=utf-8`)), "NoLayers")
    assert.strictEqual(tagOf(packageOf({ mediaType: MediaType.dockerManifest }, "text/html")), "NoLayers")
    assert.lengthOf(indexOf({ mediaType: MediaType.ociIndex }, MediaType.ociManifest).manifests, 0)
    assert.lengthOf(indexOf({ manifests: null }, MediaType.ociIndex).manifests, 0)
    assert.strictEqual(tagOf(read({ schemaVersion: 2 }, "text/html")), "UnsupportedMediaType")
    assert.strictEqual(tagOf(read({ mediaType: "application/x" })), "UnsupportedMediaType")
  })

  it("reads layers and manifests, whatever the schemaVersion", () => {
    for (const schemaVersion of [1, "2", 3, null, undefined]) {
      assert.strictEqual(tagOf(packageOf({ ...ociManifest, schemaVersion })), "success")
      assert.lengthOf(indexOf({ ...index, schemaVersion }).manifests, 3)
    }
    assert.strictEqual(tagOf(read({ schemaVersion: 1 }, MediaType.ociManifest)), "SchemaVersion1")
  })

  it.each<[string, unknown, string | undefined, string]>([
    ["schema 1", { schemaVersion: 1, fsLayers: [{ blobSum: digest("a") }] }, undefined, "SchemaVersion1"],
    ["schema 1 by shape", { fsLayers: [] }, undefined, "SchemaVersion1"],
    [
      "schema 1 by Content-Type",
      {},
      "application/vnd.docker.distribution.manifest.v1+prettyjws",
      "SchemaVersion1"
    ],
    [
      "schema 1 by its mediaType",
      { ...ociManifest, mediaType: "application/vnd.docker.distribution.manifest.v1+json" },
      undefined,
      "SchemaVersion1"
    ],
    ["layers and manifests at once", { ...ociManifest, manifests: [] }, undefined, "MalformedManifest"],
    [
      "a manifest that calls itself an index",
      { ...ociManifest, mediaType: MediaType.ociIndex },
      undefined,
      "MalformedManifest"
    ],
    [
      "an index that calls itself a manifest",
      { ...index, mediaType: MediaType.dockerManifest },
      undefined,
      "MalformedManifest"
    ],
    ["layers that are no list", { ...ociManifest, layers: {} }, undefined, "MalformedManifest"],
    ["manifests that are no list", { ...index, manifests: "x" }, undefined, "MalformedManifest"],
    ["an array", [], undefined, "MalformedManifest"],
    ["null", null, undefined, "MalformedManifest"],
    ["HTML", "<html></html>", "text/html", "MalformedManifest"],
    ["nothing", "", undefined, "MalformedManifest"],
    ["more than one document", "{}{}", undefined, "MalformedManifest"],
    ["a truncated document", JSON.stringify(ociManifest).slice(0, -1), undefined, "MalformedManifest"]
  ])("%s is refused with the reason", (_name, document, contentType, tag) => {
    assert.strictEqual(tagOf(read(document, contentType)), tag)
  })

  it.each<[string, string]>([
    ["a byte order mark", `\ufeff${JSON.stringify(ociManifest)}`],
    ["blanks around it", `\r\n\t ${JSON.stringify(ociManifest)} \n\n`],
    [
      "keys in another case",
      JSON.stringify(ociManifest).replace('"layers"', '"Layers"').replaceAll('"digest"', '"Digest"')
    ],
    ["a key twice, of which the last one counts", JSON.stringify(ociManifest).replace("{", '{"layers":[7],')],
    [
      "numbers of any size",
      JSON.stringify(ociManifest).replace("{", `{"x":[1e400,${"9".repeat(400)},-0.0e-9],`)
    ],
    [
      "nesting as deep as Go reads",
      JSON.stringify(ociManifest).replace("{", `{"x":${"[".repeat(9999)}${"]".repeat(9999)},`)
    ]
  ])("a manifest with %s is read", (_name, text) => {
    assert.strictEqual(Result.getOrThrow(packageOf(text)).digest, digest("b"))
  })

  it("accepts bytes that are not UTF-8 only in strings, as Go does", () => {
    const [before = "", after = ""] = JSON.stringify({ ...ociManifest, annotations: { a: "HERE" } }).split(
      "HERE"
    )
    const manifest = Result.getOrThrow(
      Manifest.parse(
        Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0xc3]), Buffer.from(after)]),
        undefined
      )
    )
    assert.strictEqual(manifest._tag, "ImageManifest")
    assert.strictEqual(
      tagOf(Manifest.parse(new Uint8Array([0x7b, 0xff, 0x7d]), undefined)),
      "MalformedManifest"
    )
  })

  it.each<[string, Record<string, unknown>, unknown]>([
    ["no mediaType", { mediaType: undefined }, { mediaType: "", digest: digest("b"), size: 7 }],
    ["a null mediaType", { mediaType: null }, { mediaType: "", digest: digest("b"), size: 7 }],
    ["any mediaType", { mediaType: "a" }, { mediaType: "a", digest: digest("b"), size: 7 }],
    ["no size", { size: undefined }, { mediaType: gzip, digest: digest("b"), size: undefined }],
    ["a null size", { size: null }, { mediaType: gzip, digest: digest("b"), size: undefined }],
    ["size 0", { size: 0 }, { mediaType: gzip, digest: digest("b"), size: undefined }],
    [
      "the digest of an empty blob, and no size",
      { digest: digestOf(new Uint8Array()), size: undefined },
      { mediaType: gzip, digest: digestOf(new Uint8Array()), size: 0 }
    ],
    [
      "the sha512 digest of an empty blob, and size 0",
      { digest: digestOf(new Uint8Array(), "sha512"), size: 0 },
      { mediaType: gzip, digest: digestOf(new Uint8Array(), "sha512"), size: 0 }
    ]
  ])("packageLayer - accepts a last layer with %s", (_name, changes, expected) => {
    const document = { ...ociManifest, layers: [layer("a"), { ...layer("b"), ...changes }] }
    assert.deepEqual<unknown>(Result.getOrThrow(packageOf(document)), expected)
  })

  it.each<[string, unknown, string]>([
    ["no digest", { mediaType: gzip, size: 1 }, "its last layer has no digest"],
    ["no fields", {}, "its last layer has no digest"],
    ["null in its place", null, "its last layer has no digest"],
    ["a list in its place", [layer("a")], "its last layer has no digest"],
    ["a digest of another kind", { ...layer("a"), digest: "md5:00" }, "neither sha256 nor sha512"],
    ["a digest that is no text", { ...layer("a"), digest: {} }, "neither sha256 nor sha512"],
    ["a negative size", { ...layer("a"), size: -1 }, "not a whole number of bytes"],
    ["a size with a fraction", { ...layer("a"), size: 1.5 }, "not a whole number of bytes"],
    ["a size that is not exact", { ...layer("a"), size: 2 ** 53 }, "not a whole number of bytes"],
    ["a size that is text", { ...layer("a"), size: "7" }, "not a whole number of bytes"],
    ["a mediaType that is not text", { ...layer("a"), mediaType: [gzip] }, "a mediaType that is not text"]
  ])("packageLayer - refuses a last layer with %s, and says so", (_name, last, detail) => {
    const { reason } = Result.getOrThrow(
      Result.flip(packageOf({ ...ociManifest, layers: [layer("b"), last] }))
    )
    assert.strictEqual(reason._tag, "MalformedManifest")
    assert.include(reason._tag === "MalformedManifest" ? reason.detail : "", detail)
  })

  it("packageLayer - ignores all layers before the last", () => {
    for (const odd of [
      null,
      7,
      {},
      { ...layer("a"), size: -1 },
      { digest: `sha384:${"0".repeat(96)}` },
      [[]]
    ]) {
      assert.strictEqual(Result.getOrThrow(packageOf({ layers: [odd, layer("b")] })).digest, digest("b"))
    }
  })

  it("packageLayer - refuses a manifest without layers, and returns a foreign last layer", () => {
    assert.strictEqual(tagOf(packageOf({ ...ociManifest, layers: [] })), "NoLayers")
    for (const foreign of [
      "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
    ]) {
      const found = packageOf({ ...ociManifest, layers: [layer("a"), layer("b", foreign)] })
      assert.strictEqual(Result.getOrThrow(found).mediaType, foreign)
    }
  })

  it("childForPlatform - takes the first child for the platform, of an index and of a manifest list", () => {
    for (const mediaType of [MediaType.ociIndex, MediaType.dockerManifestList]) {
      const found = Manifest.childForPlatform(indexOf({ ...index, mediaType }), amd64)
      assert.strictEqual(Result.getOrThrow(found).digest, digest("b"))
    }
    assert.strictEqual(
      Result.getOrThrow(Manifest.childForPlatform(indexOf(index), Platform.make("linux/arm64"))).digest,
      digest("a")
    )
  })

  it("refuses an index of more than 10000 manifests", () => {
    const manifests = (count: number) => ({ manifests: Array.from({ length: count }, () => ({})) })
    assert.lengthOf(indexOf(manifests(Manifest.maxChildren)).manifests, Manifest.maxChildren)
    const { reason } = Result.getOrThrow(Result.flip(read(manifests(Manifest.maxChildren + 1))))
    assert.deepInclude(reason, { _tag: "MalformedManifest", detail: "it names more than 10000 manifests" })
  })

  it("resolveChild - follows at most 4 nested indexes, and none twice", () => {
    const step = (indexes: ReadonlyArray<string>, own: string, child: Record<string, unknown>) =>
      Manifest.resolveChild(
        indexes.map((one) => Digest.make(digest(one))),
        indexOf({
          manifests: [{ ...layer("f"), platform: { os: "linux", architecture: "amd64" }, ...child }]
        }),
        Digest.make(digest(own)),
        amd64
      )
    const inner = { mediaType: MediaType.ociIndex }
    assert.deepEqual<unknown>(Result.getOrThrow(step(["1", "2"], "3", inner)), {
      child: { mediaType: MediaType.ociIndex, digest: digest("f"), size: 7 },
      indexes: [digest("1"), digest("2"), digest("3")]
    })
    const manifest = { mediaType: MediaType.ociManifest }
    assert.strictEqual(tagOf(step(["1", "2", "3"], "4", manifest)), "success")
    assert.strictEqual(tagOf(step(["1", "2", "3"], "4", { mediaType: "" })), "success")
    assert.strictEqual(tagOf(step(["1", "2", "3"], "4", inner)), "IndexTooDeep")
    assert.strictEqual(tagOf(step(["1", "2", "3", "4"], "5", manifest)), "IndexTooDeep")
    assert.strictEqual(tagOf(step(["1"], "2", { ...inner, digest: digest("1") })), "IndexLoop")
    assert.strictEqual(tagOf(step([], "1", { ...inner, digest: digest("1") })), "IndexLoop")
  })
})
