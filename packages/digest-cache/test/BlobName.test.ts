import { Digest } from "@registry-packages-proxy/oci/Digest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import fc from "fast-check"
import { type BlobName, format, parse } from "../src/BlobName.ts"

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...Array.from({ length: 16 }, (_, digit) => digit.toString(16))), {
      minLength: length,
      maxLength: length
    })
    .map((it) => it.join(""))
const digest = fc.oneof(
  hex(64).map((it) => Digest.make(`sha256:${it}`)),
  hex(128).map((it) => Digest.make(`sha512:${it}`))
)
const platformPart = fc.oneof(fc.stringMatching(/^[a-z0-9]{1,12}$/), fc.constant("mips64p32lex"))
const variant = fc.oneof(platformPart, fc.constant("v8.5"))
const platform = fc
  .tuple(platformPart, platformPart, fc.option(variant, { nil: undefined }))
  .map((parts) => Option.some(Platform.make(parts.filter((part) => part !== undefined).join("/"))))
const blobName: fc.Arbitrary<BlobName> = fc.record({
  manifestDigest: digest,
  platform: fc.oneof(fc.constant(Option.none()), platform),
  layerDigest: digest,
  size: fc.nat(2 ** 40),
  compression: fc.constantFrom("gzip", "zstd")
})

describe("BlobName", () => {
  it("a formatted name parses back, fits into a file name and stays in its directory", () => {
    fc.assert(
      fc.property(blobName, (name) => {
        const fileName = format(name)
        assert.deepStrictEqual(Option.getOrThrow(parse(fileName)), name)
        assert.isAtMost(Buffer.byteLength(fileName), 255)
        assert.match(fileName, /^[A-Za-z0-9_.-]+$/)
      })
    )
  })

  it("a parsed name formats to the same text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const name of Option.toArray(parse(text))) assert.strictEqual(format(name), text)
      })
    )
  })

  it("a changed name is rejected, or is another valid name", () => {
    const by = fc.constantFrom("A", ".", "/", "", "..", "0", "-", "\0")
    fc.assert(
      fc.property(blobName, fc.nat(), by, (name, at, replacement) => {
        const fileName = format(name)
        const place = at % fileName.length
        const changed = fileName.slice(0, place) + replacement + fileName.slice(place + 1)
        for (const other of Option.toArray(parse(changed))) assert.strictEqual(format(other), changed)
      })
    )
  })
})
