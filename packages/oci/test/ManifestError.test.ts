import { assert, describe, it } from "@effect/vitest"
import * as Errors from "@registry-packages-proxy/oci/ManifestError"
import { Platform } from "@registry-packages-proxy/oci/Platform"

const platform = Platform.make("linux/amd64")

describe("ManifestError", () => {
  it.each<[Errors.ManifestError["reason"], string]>([
    [new Errors.MalformedManifest({ detail: "it is cut" }), "the manifest cannot be read: it is cut"],
    [new Errors.SchemaVersion1({}), "Docker schema 1, which is not supported"],
    [
      new Errors.UnsupportedMediaType({ mediaType: "a/b" }),
      "media type is not supported: a/b; accepted are OCI"
    ],
    [new Errors.NoLayers({}), "no layers"],
    [new Errors.ForeignLayer({ mediaType: "a/b" }), "does not hold the last layer, which is foreign: a/b"],
    [new Errors.PlatformNotFound({ platform, available: [] }), "no manifest for linux/amd64"],
    [
      new Errors.PlatformNotFound({ platform, available: ["linux/arm", "darwin/arm64"] }),
      "has linux/arm, darwin/arm64"
    ],
    [new Errors.IndexTooDeep({ max: 4 }), "more than 4 indexes"],
    [new Errors.IndexLoop({}), "leads back to itself"]
  ])("%j says in its message why there is no package", (reason, words) => {
    assert.include(new Errors.ManifestError({ reason }).message, words)
  })
})
