import { assert, describe, it } from "@effect/vitest"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as PackageDescriptor from "@registry-packages-proxy/oci/PackageDescriptor"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { Result } from "effect"
import fc from "fast-check"
import * as arbitrary from "./arbitraries.ts"

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

  it("every manifest that is printed is read again", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ mediaType: fc.string(), digest: arbitrary.digest, size: fc.maxSafeNat() })),
        (layers) => {
          const manifest = Result.getOrThrow(read({ ...ociManifest, layers }))
          assert.deepEqual<unknown>(manifest, { _tag: "ImageManifest", layers })
        }
      )
    )
  })

  it("unknown fields and nulls are tolerated, as the specifications say", () => {
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

  it("without a mediaType of its own, the Content-Type and then the shape decide", () => {
    const { mediaType: _, ...untyped } = ociManifest
    assert.strictEqual(tagOf(packageOf(untyped)), "success")
    assert.strictEqual(tagOf(packageOf({ ...untyped, mediaType: null })), "success")
    assert.strictEqual(
      tagOf(packageOf(untyped, "application/vnd.oci.image.manifest.v1+json; charset=utf-8")),
      "success"
    )
    assert.strictEqual(tagOf(packageOf(untyped, "application/json")), "success")
    assert.strictEqual(tagOf(packageOf(ociManifest, "text/plain")), "success")
    assert.strictEqual(tagOf(read({ schemaVersion: 2 }, "text/html")), "UnsupportedMediaType")
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
      "an unknown media type",
      { ...ociManifest, mediaType: "application/x" },
      undefined,
      "UnsupportedMediaType"
    ],
    [
      "a name every object has for a media type",
      { ...ociManifest, mediaType: "constructor" },
      undefined,
      "UnsupportedMediaType"
    ],
    ["layers and manifests at once", { ...ociManifest, manifests: [] }, undefined, "MalformedManifest"],
    [
      "a layer without digest",
      { ...ociManifest, layers: [{ mediaType: gzip, size: 1 }] },
      undefined,
      "MalformedManifest"
    ],
    [
      "a digest of another kind",
      { ...ociManifest, layers: [{ ...layer("a"), digest: "md5:00" }] },
      undefined,
      "MalformedManifest"
    ],
    [
      "a negative size",
      { ...ociManifest, layers: [{ ...layer("a"), size: -1 }] },
      undefined,
      "MalformedManifest"
    ],
    [
      "a size with a fraction",
      { ...ociManifest, layers: [{ ...layer("a"), size: 1.5 }] },
      undefined,
      "MalformedManifest"
    ],
    [
      "a size that is not exact",
      { ...ociManifest, layers: [{ ...layer("a"), size: 2 ** 53 }] },
      undefined,
      "MalformedManifest"
    ],
    ["layers that are no list", { ...ociManifest, layers: {} }, undefined, "MalformedManifest"],
    ["an array", [], undefined, "MalformedManifest"],
    ["null", null, undefined, "MalformedManifest"],
    ["HTML", "<html></html>", "text/html", "MalformedManifest"],
    ["nothing", "", undefined, "MalformedManifest"],
    ["children without digest", { ...index, manifests: [{}] }, undefined, "MalformedManifest"]
  ])("%s is refused by name", (_name, document, contentType, tag) => {
    assert.strictEqual(tagOf(read(document, contentType)), tag)
  })

  it("bytes that are not UTF-8 are refused", () => {
    assert.strictEqual(
      tagOf(Manifest.parse(new Uint8Array([0x7b, 0xff, 0x7d]), undefined)),
      "MalformedManifest"
    )
  })

  it("packageLayer - no layers are refused by name; a foreign last layer is given, since the registry may hold it", () => {
    assert.strictEqual(tagOf(packageOf({ ...ociManifest, layers: [] })), "NoLayers")
    const { layers: _, ...without } = ociManifest
    assert.strictEqual(tagOf(packageOf(without)), "NoLayers")
    for (const foreign of [
      "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
    ]) {
      assert.strictEqual(
        tagOf(packageOf({ ...ociManifest, layers: [layer("a"), layer("b", foreign)] })),
        "success"
      )
      assert.strictEqual(
        tagOf(packageOf({ ...ociManifest, layers: [layer("a", foreign), layer("b")] })),
        "success"
      )
    }
  })

  it("childFor - the first child for the platform, of an index and of a manifest list", () => {
    for (const mediaType of [MediaType.ociIndex, MediaType.dockerManifestList]) {
      const found = Manifest.childFor(indexOf({ ...index, mediaType }), amd64)
      assert.strictEqual(Result.getOrThrow(found).digest, digest("b"))
    }
    assert.strictEqual(
      Result.getOrThrow(Manifest.childFor(indexOf(index), Platform.make("linux/arm64"))).digest,
      digest("a")
    )
  })

  it("childFor - a nested index is handed out with its media type, for the client to refuse", () => {
    const nested = {
      ...index,
      manifests: [{ ...child("a", "linux", "amd64"), mediaType: MediaType.ociIndex }]
    }
    const found = Result.getOrThrow(Manifest.childFor(indexOf(nested), amd64))
    assert.strictEqual(MediaType.manifestKind(found.mediaType), "index")
  })

  it("childFor - names what there is where none is for the platform", () => {
    const manifests = [
      child("a", "linux", "arm64", "v8"),
      child("a", "linux", "arm64", "v8"),
      { ...layer("b"), platform: null },
      layer("c")
    ]
    const error = Result.getOrThrow(Result.flip(Manifest.childFor(indexOf({ ...index, manifests }), amd64)))
    assert.deepInclude(error.reason, {
      _tag: "PlatformNotFound",
      platform: amd64,
      available: ["linux/arm64/v8"]
    })
    const many = Array.from({ length: 100 }, (_, number) => child("a", "linux", `cpu${number}`))
    const crowd = Result.getOrThrow(
      Result.flip(Manifest.childFor(indexOf({ ...index, manifests: many }), amd64))
    )
    assert.lengthOf(crowd.reason._tag === "PlatformNotFound" ? crowd.reason.available : [], 16)
    assert.strictEqual(
      tagOf(Manifest.childFor(indexOf({ ...index, manifests: [] }), amd64)),
      "PlatformNotFound"
    )
  })

  it.each([
    ["+gzip", "gzip"],
    ["+zstd", "zstd"],
    ["", "gzip"]
  ])("a layer of media type ...tar%s is %s", (suffix, compression) => {
    const made = PackageDescriptor.make(
      Result.getOrThrow(
        packageOf({ ...ociManifest, layers: [layer("a", `application/vnd.oci.image.layer.v1.tar${suffix}`)] })
      ),
      { viaIndex: false }
    )
    assert.deepEqual<unknown>(made, { digest: digest("a"), size: 7, compression, viaIndex: false })
  })
})

describe("no manifest of any bytes throws", () => {
  const total = (content: Uint8Array, contentType: string | undefined) => {
    const parsed = Manifest.parse(content, contentType)
    if (Result.isFailure(parsed)) return
    if (parsed.success._tag === "ImageManifest") Manifest.packageLayer(parsed.success)
    else Manifest.childFor(parsed.success, amd64)
  }
  const contentTypes = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.constantFrom(MediaType.ociManifest, MediaType.dockerManifestList)
  )

  it("any bytes", () => fc.assert(fc.property(arbitrary.anyBytes, contentTypes, total)))
  it("any text", () =>
    fc.assert(fc.property(arbitrary.anyText, contentTypes, (text, type) => total(bytes(text), type))))
  it("any JSON", () =>
    fc.assert(fc.property(fc.json(), contentTypes, (text, type) => total(bytes(text), type))))
  it("any JSON in the places that are read", () => {
    const any = fc.option(fc.jsonValue(), { nil: undefined })
    fc.assert(
      fc.property(
        fc.record({ schemaVersion: any, mediaType: any, layers: any, manifests: any, fsLayers: any }),
        contentTypes,
        (document, type) => total(bytes(document), type)
      )
    )
    fc.assert(
      fc.property(
        fc.record({ mediaType: any, digest: any, size: any, urls: any, platform: any }),
        (descriptor) => {
          total(bytes({ layers: [descriptor] }), undefined)
          total(bytes({ manifests: [descriptor] }), undefined)
        }
      )
    )
  })
  it("deep and giant documents", () => {
    for (const [open, close] of [
      ["[", "]"],
      [`{"layers":`, "}"],
      [`{"a":`, "}"],
      ["[[", ""]
    ] as const) {
      total(bytes(`{"manifests":${open.repeat(200_000)}1${close.repeat(200_000)}}`), undefined)
      total(bytes(`${open.repeat(200_000)}1${close.repeat(200_000)}`), undefined)
    }
    total(bytes({ ...ociManifest, layers: Array.from({ length: 20_000 }, () => layer("a")) }), undefined)
    total(bytes(`{"schemaVersion":${"9".repeat(1_000_000)}}`), undefined)
    total(bytes(`{"__proto__":{"layers":[]},"constructor":1,"layers":[{"__proto__":null}]}`), undefined)
  })
})
