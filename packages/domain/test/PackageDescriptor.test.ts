import { assert, describe, it } from "@effect/vitest"
import * as PackageDescriptor from "@registry-packages-proxy/domain/PackageDescriptor"
import { Digest } from "@registry-packages-proxy/oci/Digest"

const digest = Digest.make(`sha256:${"a".repeat(64)}`)

describe("PackageDescriptor", () => {
  it.each([
    ["+gzip", "gzip"],
    ["+zstd", "zstd"],
    ["", "gzip"]
  ])("a layer of media type ...tar%s has compression %s", (suffix, compression) => {
    const mediaType = `application/vnd.oci.image.layer.v1.tar${suffix}`
    const made = PackageDescriptor.make({ digest, size: 7, mediaType }, { viaIndex: false })
    assert.deepEqual<unknown>(made, { layerDigest: digest, size: 7, compression, viaIndex: false })
  })
})
