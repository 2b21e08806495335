import { assert, describe, it } from "@effect/vitest"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import * as Platform from "@registry-packages-proxy/oci/Platform"
import { Option, Result, Schema } from "effect"
import fc from "fast-check"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"

const decodeText = Schema.decodeUnknownOption(Platform.PlatformText)

const digest = (index: number) => `sha256:${index.toString(16).padStart(64, "0")}`

/**
 * Makes a child of an index. `platform` is `os/architecture/variant+feature`, or undefined for a child without a
 * platform.
 */
const child = (platform: string | undefined, index: number): Record<string, unknown> => {
  const [names = "", feature] = platform?.split("+") ?? []
  const [os, architecture, variant] = names.split("/")
  return {
    digest: digest(index),
    ...(platform === undefined
      ? {}
      : { platform: { os, architecture, variant, "os.features": feature === undefined ? [] : [feature] } })
  }
}

const choose = (wanted: string, manifests: ReadonlyArray<unknown>) => {
  const index = Manifest.parse(new TextEncoder().encode(JSON.stringify({ manifests })), undefined)
  return Manifest.childForPlatform(
    Result.getOrThrow(index) as Manifest.ImageIndex,
    Option.getOrThrow(decodeText(wanted))
  )
}

/** Returns the index of the chosen child, read from the child's digest. Returns -1 if no child is chosen. */
const numberOfChosen = (wanted: string, manifests: ReadonlyArray<unknown>): number =>
  Result.match(choose(wanted, manifests), {
    onFailure: () => -1,
    onSuccess: (chosen) => Number.parseInt(chosen.digest.slice(7), 16)
  })

const chosenPlatform = (wanted: string, platforms: ReadonlyArray<string | undefined>): string | undefined => {
  const number = numberOfChosen(wanted, platforms.map(child))
  return number === -1 ? "none" : platforms[number]
}

const containerd = "containerd"
const goContainerregistry = "go-containerregistry"
const both = `${containerd}, ${goContainerregistry}`

describe("the child of an index for a platform", () => {
  it.each<
    [situation: string, wanted: string, ReadonlyArray<string | undefined>, string | undefined, others: string]
  >([
    ["the one that names it", "linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64", both],
    ["the first of equals", "linux/amd64", ["linux/amd64/v1", "linux/amd64"], "linux/amd64/v1", both],
    [
      "amd64 v1 is plain amd64",
      "linux/amd64",
      ["linux/amd64/v2", "linux/amd64/v1"],
      "linux/amd64/v1",
      containerd
    ],
    [
      "plain amd64 is amd64 v1",
      "linux/amd64/v1",
      ["linux/amd64/v2", "linux/amd64"],
      "linux/amd64",
      containerd
    ],
    ["arm64 v8 is arm64", "linux/arm64", ["linux/arm64/v9", "linux/arm64/v8"], "linux/arm64/v8", containerd],
    ["arm64 8 is arm64", "linux/arm64", ["linux/arm64/v9", "linux/arm64/8"], "linux/arm64/8", containerd],
    [
      "arm64 v8.0 is arm64",
      "linux/arm64",
      ["linux/arm64/v8.1", "linux/arm64/v8.0"],
      "linux/arm64/v8.0",
      containerd
    ],
    ["arm v7 is arm", "linux/arm", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", containerd],
    ["arm is arm v7", "linux/arm/v7", ["linux/arm/v6", "linux/arm"], "linux/arm", containerd],
    ["the wanted variant", "linux/amd64/v3", ["linux/amd64", "linux/amd64/v3"], "linux/amd64/v3", both],
    ["aarch64 is arm64", "linux/arm64", ["linux/amd64", "linux/aarch64"], "linux/aarch64", containerd],
    ["x86_64 is amd64", "linux/amd64", ["linux/arm64", "linux/x86_64"], "linux/x86_64", containerd],
    ["x86-64 is amd64", "linux/amd64", ["linux/arm64", "linux/x86-64"], "linux/x86-64", containerd],
    ["armhf is arm v7", "linux/arm", ["linux/arm/v6", "linux/armhf"], "linux/armhf", containerd],
    ["armel is arm v6", "linux/arm/v6", ["linux/arm/v5", "linux/armel"], "linux/armel", containerd],
    ["letters in any case", "linux/amd64", ["Linux/arm64", "Linux/AMD64/V1"], "Linux/AMD64/V1", containerd],
    ["an os that is left out", "linux/amd64", ["/arm64", "/amd64"], "/amd64", containerd],
    [
      "the plainest of other variants",
      "linux/amd64",
      ["linux/amd64/v4", "linux/amd64/v2"],
      "linux/amd64/v2",
      "nobody"
    ],
    [
      "another variant rather than none",
      "linux/amd64",
      ["linux/amd64/v3"],
      "linux/amd64/v3",
      goContainerregistry
    ],
    [
      "an older one where it runs",
      "linux/arm",
      ["linux/arm/v8", "linux/arm/v5", "linux/arm/v6"],
      "linux/arm/v6",
      containerd
    ],
    [
      "plain rather than another",
      "linux/amd64/v3",
      ["linux/amd64/v4", "linux/amd64"],
      "linux/amd64",
      containerd
    ],
    [
      "an older one rather than plain, where plain does not run",
      "linux/arm/v6",
      ["linux/arm/v7", "linux/arm/v5"],
      "linux/arm/v5",
      containerd
    ],
    [
      "a variant that is no version, last",
      "linux/amd64",
      ["linux/amd64/fast", "linux/amd64/v4"],
      "linux/amd64/v4",
      "nobody"
    ],
    [
      "a variant of an architecture without any",
      "linux/ppc64le",
      ["linux/ppc64le/power9"],
      "linux/ppc64le/power9",
      goContainerregistry
    ],
    [
      "one without features of the system",
      "linux/amd64",
      ["linux/amd64+nydus", "linux/amd64"],
      "linux/amd64",
      containerd
    ],
    [
      "one without features, though of another variant",
      "linux/amd64",
      ["linux/amd64+nydus", "linux/amd64/v2"],
      "linux/amd64/v2",
      containerd
    ],
    [
      "one with features rather than none",
      "linux/amd64",
      ["linux/amd64+nydus"],
      "linux/amd64+nydus",
      goContainerregistry
    ],
    ["not another architecture", "linux/amd64", ["linux/386", "linux/arm64"], "none", goContainerregistry],
    ["not another system", "linux/amd64", ["windows/amd64"], "none", both],
    ["not attestations", "linux/amd64", ["unknown/unknown"], "none", both],
    ["not attestations, whatever is wanted", "unknown/unknown", ["unknown/unknown"], "none", "nobody"],
    ["not one without an architecture", "linux/amd64", ["linux/"], "none", both],
    ["one without platform", "linux/amd64", [undefined], undefined, both],
    ["one without platform, after others'", "linux/arm64", ["linux/amd64", undefined], undefined, containerd],
    ["one whose platform is empty", "linux/amd64", ["linux/arm64", "/"], "/", "nobody"],
    [
      "one that names the platform rather than one without",
      "linux/amd64",
      [undefined, "linux/amd64"],
      "linux/amd64",
      containerd
    ],
    [
      "another variant rather than one without",
      "linux/amd64",
      [undefined, "linux/amd64/v2"],
      "linux/amd64/v2",
      "nobody"
    ]
  ])("is %s: for %s among %j it is %s (as in %s)", (_situation, wanted, platforms, expected) => {
    assert.strictEqual(chosenPlatform(wanted, platforms), expected)
  })

  it("is never an attestation or a media type that is no image, even without a platform", () => {
    const attestation = {
      digest: digest(0),
      annotations: { "vnd.docker.reference.type": "attestation-manifest" }
    }
    const layer = { digest: digest(1), mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }
    assert.strictEqual(numberOfChosen("linux/amd64", [attestation, layer]), -1)
    assert.strictEqual(
      numberOfChosen("linux/amd64", [attestation, layer, null, 7, {}, { digest: digest(5) }]),
      5
    )
  })

  it("is found, whatever the other children", () => {
    const other = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digest(9), size: 7 }
    for (const odd of [
      { ...other, platform: {} },
      { ...other, platform: { os: "linux" } },
      { ...other, platform: { os: 1, architecture: ["amd64"] } },
      { ...other, platform: "linux/amd64" },
      { ...other, digest: `blake3:${"a".repeat(64)}` },
      { ...other, digest: `sha384:${"a".repeat(96)}` },
      { ...other, size: "7", mediaType: 7 },
      {},
      null,
      "text",
      [[]]
    ]) {
      const good = child("linux/amd64", 1)
      assert.strictEqual(numberOfChosen("linux/amd64", [odd, good]), 1, JSON.stringify(odd))
      assert.strictEqual(numberOfChosen("linux/amd64", [good, odd]), 1, JSON.stringify(odd))
    }
  })

  it("must follow the specification; the error says what is wrong", () => {
    for (const [changes, expected] of [
      [{ digest: `blake3:${"a".repeat(64)}` }, "a digest that is neither sha256 nor sha512"],
      [{ digest: undefined }, "has no digest"],
      [{ size: -1 }, "a size that is not a whole number"],
      [{ mediaType: [] }, "a mediaType that is not text"]
    ] as const) {
      const error = Result.getOrThrow(
        Result.flip(choose("linux/amd64", [{ ...child("linux/amd64", 1), ...changes }]))
      )
      assert.strictEqual(error.reason._tag, "MalformedManifest")
      assert.include(
        error.reason._tag === "MalformedManifest" ? error.reason.detail : "",
        `its manifest for linux/amd64 has ${expected.replace("has ", "")}`
      )
    }
  })

  it("if there is none: the error names the available platforms, without attestations", () => {
    const available = (manifests: ReadonlyArray<unknown>) => {
      const { reason } = Result.getOrThrow(Result.flip(choose("linux/amd64", manifests)))
      assert.strictEqual(reason._tag, "PlatformNotFound")
      return reason._tag === "PlatformNotFound" ? reason.available : []
    }
    const platforms = ["linux/arm64/v8", "linux/arm64/8", "unknown/unknown", "windows/amd64+win32k", "linux"]
    assert.deepStrictEqual(available(platforms.map(child)), [
      "linux/arm64/v8",
      "linux/arm64/8",
      "windows/amd64 with os.features",
      "linux"
    ])
    const many = Array.from({ length: 100 }, (_, index) => child(`linux/cpu${index}`, index))
    assert.lengthOf(available(many), 16)
    const [long = ""] = available([child(`linux/${"x".repeat(10_000)}`, 0)])
    assert.isBelow(long.length, 100)
    assert.deepStrictEqual(available([]), [])
  })
})

describe("a platform as people write it", () => {
  it.each([
    ["linux/amd64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v2", "linux/amd64/v2"],
    ["linux/x86_64", "linux/amd64"],
    ["Linux/X86-64/V3", "linux/amd64/v3"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm64/v8.0", "linux/arm64"],
    ["linux/arm64/9.0", "linux/arm64/v9"],
    ["linux/arm64/v8.5", "linux/arm64/v8.5"],
    ["linux/arm", "linux/arm"],
    ["linux/arm/v7", "linux/arm"],
    ["linux/arm/7", "linux/arm"],
    ["linux/armhf", "linux/arm"],
    ["linux/armel", "linux/arm/v6"],
    ["linux/i386/v1", "linux/386"],
    ["macos/arm64", "darwin/arm64"]
  ])("%s is %s", (text, expected) => {
    assert.deepEqual<unknown>(decodeText(text), Option.some(expected))
  })

  it.each([
    "",
    "linux",
    "linux/",
    "/amd64",
    "linux/amd64/",
    "linux/amd64/v1/x",
    "linux amd64",
    "linux/amd64\n",
    "linux/a_b",
    "linux/amd64/v1-x",
    `linux/${"a".repeat(13)}`,
    `linux/${"a".repeat(33)}`
  ])("%j is not a platform", (text) => assert.isTrue(Option.isNone(decodeText(text))))

  it("is stable: reading it again gives the same platform", () => {
    fc.assert(
      fc.property(arbitrary.platform, (text) => {
        const platform = Option.getOrThrow(decodeText(text))
        assert.deepStrictEqual(decodeText(platform), Option.some(platform))
        const [os = "", architecture = "", variant = ""] = text.split("/")
        assert.strictEqual(Platform.rank(platform, { os, architecture, variant, hasFeatures: false }), 0)
      })
    )
  })
  it("never throws, whatever the text", () => {
    fc.assert(fc.property(arbitrary.anyText, (text) => void decodeText(text)))
  })
})
