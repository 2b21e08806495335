import { assert, describe, it } from "@effect/vitest"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { Result } from "effect"
import fc from "fast-check"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"

const digest = (character: string) => `sha256:${character.repeat(64)}`
const layer = (character: string) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: digest(character),
  size: 7
})
const bytes = (document: unknown) =>
  new TextEncoder().encode(typeof document === "string" ? document : JSON.stringify(document))
const amd64 = Platform.make("linux/amd64")

const tagOf = <A>(result: Result.Result<A, ManifestError>) =>
  Result.match(result, { onFailure: (error) => error.reason._tag as string, onSuccess: () => "success" })

/** Parses a manifest and decodes its last layer, or parses an index and chooses its child. */
const read = (content: Uint8Array, contentType?: string) =>
  Result.flatMap(Manifest.parse(content, contentType), (document): Result.Result<unknown, ManifestError> =>
    document._tag === "ImageManifest"
      ? Manifest.packageLayer(document)
      : Manifest.resolveChild([], document, Digest.make(digest("0")), amd64)
  )

describe("reading a manifest never throws", () => {
  const readAny = (content: Uint8Array, contentType: string | undefined) => void read(content, contentType)
  const contentTypes = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.constantFrom(MediaType.ociManifest, MediaType.dockerManifestList)
  )

  it("for any bytes", () => fc.assert(fc.property(arbitrary.anyBytes, contentTypes, readAny)))
  it("for any text", () =>
    fc.assert(fc.property(arbitrary.anyText, contentTypes, (text, type) => readAny(bytes(text), type))))
  it("for any JSON", () =>
    fc.assert(fc.property(fc.json(), contentTypes, (text, type) => readAny(bytes(text), type))))
  it("for any JSON in the fields that are read", () => {
    const any = fc.option(fc.jsonValue(), { nil: undefined })
    fc.assert(
      fc.property(
        fc.record({ schemaVersion: any, mediaType: any, layers: any, manifests: any, fsLayers: any }),
        contentTypes,
        (document, type) => readAny(bytes(document), type)
      )
    )
    fc.assert(
      fc.property(
        fc.record({ mediaType: any, digest: any, size: any, urls: any, platform: any }),
        (descriptor) => {
          readAny(bytes({ layers: [descriptor] }), undefined)
          readAny(bytes({ manifests: [descriptor] }), undefined)
        }
      )
    )
  })
  it("for deep and large documents", () => {
    for (const [open, close] of [
      ["[", "]"],
      [`{"layers":`, "}"],
      [`{"a":`, "}"],
      ["[[", ""]
    ] as const) {
      readAny(bytes(`{"manifests":${open.repeat(200_000)}1${close.repeat(200_000)}}`), undefined)
      readAny(bytes(`${open.repeat(200_000)}1${close.repeat(200_000)}`), undefined)
    }
    readAny(bytes({ layers: Array.from({ length: 20_000 }, () => layer("a")) }), undefined)
    readAny(bytes(`{"schemaVersion":${"9".repeat(1_000_000)}}`), undefined)
    readAny(bytes(`{"__proto__":{"layers":[]},"constructor":1,"layers":[{"__proto__":null}]}`), undefined)
  })
})

/** Returns the number of characters that `read` passes to JSON.parse. */
const charactersDecodedBy = (read: () => void): number => {
  const parse = JSON.parse
  let decoded = 0
  JSON.parse = (text: string, ...rest): unknown => {
    decoded += text.length
    return parse(text, ...rest) as unknown
  }
  try {
    read()
  } finally {
    JSON.parse = parse
  }
  return decoded
}

describe("a manifest of 4 MiB", () => {
  const size = 4 * 1024 * 1024
  const last = JSON.stringify(layer("a"))
  const filled = (before: string, unit: string, after: string) =>
    `${before}${`${unit},`.repeat((size - before.length - after.length) / (unit.length + 1) - 1)}${unit}${after}`
  const depth = 500_000

  for (const [content, text, tag] of [
    ["layers", filled('{"layers":[', last, "]}"), "success"],
    ["layers without fields", filled('{"layers":[', "{}", `,${last}]}`), "success"],
    ["numbers", filled('{"layers":[', "0", `,${last}]}`), "success"],
    ["annotations", filled(`{"layers":[${last}],"annotations":{`, '"a":""', "}}"), "success"],
    [
      "annotations of the last layer",
      filled(`{"layers":[{"digest":"${digest("a")}","annotations":{`, '"a":""', "}}]}"),
      "success"
    ],
    [
      "one field many times",
      filled('{"layers":[{', '"digest":"x"', `,"digest":"${digest("a")}"}]}`),
      "success"
    ],
    ["many lists of layers", filled("{", '"layers":[7]', `,"layers":[${last}]}`), "success"],
    [
      "nested arrays",
      `{"layers":[${last}],"a":${"[".repeat(depth)}${"]".repeat(depth)}}`,
      "MalformedManifest"
    ],
    ["nested objects", '{"a":'.repeat(depth), "MalformedManifest"],
    ["manifests", filled('{"manifests":[', "{}", "]}"), "MalformedManifest"]
  ] as const) {
    it(`costs no memory for ${content}`, () => {
      const document = bytes(text)
      const decoded = charactersDecodedBy(() => {
        assert.strictEqual(tagOf(read(document)), tag)
      })
      assert.isBelow(decoded, 1000)
    })
  }
})
