import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { defaultContent, scenario, type ScenarioOptions, type Scenario } from "../harness/Scenario.ts"

type Image = RegistryImage.RegistryImage
type Json = Readonly<Record<string, unknown>>

const image = RegistryImage.ofPackage(defaultContent)
const [decoy, second] = [101, 102].map((seed) =>
  RegistryImage.ofPackage(RegistryBlob.randomBytes(seed, 500))
) as [Image, Image]

const platform = (text: string): Json => {
  const [os, architecture, variant] = text.split("/")
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

/**
 * Returns an index entry for an image. The fields of `changes` are added to the entry, or replace its fields. A field
 * that `changes` sets to undefined is missing from the JSON.
 */
const child = (of: Image, changes: Json = {}): Json => ({
  mediaType: of.mediaType,
  digest: of.digest,
  size: of.bytes.length,
  ...changes
})

const on = (of: Image, text: string, changes: Json = {}): Json =>
  child(of, { platform: platform(text), ...changes })

const document = (manifests: unknown, changes: Json = {}): Json => ({
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests,
  ...changes
})

const indexOf = (json: Json, mediaType: string = MediaType.ociIndex): Image =>
  RegistryImage.ofBytes(JSON.stringify(json), { mediaType })

const index = (name: string, json: Json, about: ScenarioOptions = {}): Scenario =>
  scenario(`index: ${name}`, {
    image: indexOf(json),
    ...about,
    otherImages: [image, decoy, second, ...(about.otherImages ?? [])]
  })

/**
 * Returns a scenario with an index that has an entry for each platform in `offered`. The client requests the platform
 * `wanted`. `isServed` is true only if the client chooses the first entry.
 */
const choosing = (wanted: string, offered: ReadonlyArray<string>, prefix = ""): Scenario =>
  index(
    `${prefix}${wanted} among ${offered.join(", ")}`,
    document(offered.map((text, at) => on([image, decoy, second][at] ?? second, text))),
    { platform: wanted }
  )

/**
 * Calls `choosing` for platforms with variants. Only a client with containerd's rules for variants
 * chooses the first entry. go-containerregistry does not have these rules.
 */
const choosingVariant = (wanted: string, offered: ReadonlyArray<string>): Scenario =>
  choosing(wanted, offered, "variants: ")

/**
 * Returns a scenario with an index of two entries. `odd` replaces fields of the first entry. The client must choose the
 * second entry.
 */
const beside = (name: string, odd: Json): Scenario =>
  index(
    `a sibling with ${name}`,
    document([{ ...on(decoy, "linux/arm64"), ...odd }, on(image, "linux/amd64")])
  )

/**
 * Returns a scenario with an index of two entries. `odd` replaces fields of the first entry with values that
 * go-containerregistry does not accept. go-containerregistry therefore rejects the whole index.
 */
const besideOdd = (name: string, odd: Json): Scenario => beside(`odd types: ${name}`, odd)

const nested = (depth: number): Scenario => {
  let inner: Image = image
  const held: Array<Image> = []
  for (let level = 0; level < depth; level++) {
    held.push(inner)
    inner = indexOf(document([on(inner, "linux/amd64")]))
  }
  return scenario(depth > 4 ? `index: too deep: ${depth}` : `index: ${depth} deep`, {
    image: inner,
    otherImages: held
  })
}

/** Scenarios in which the client pulls an image index and must choose one of its entries. */
export const indexes: ReadonlyArray<Scenario> = [
  scenario("index: docker's manifest list", {
    image: RegistryImage.index([{ image, platform: "linux/amd64" }], { format: "docker" })
  }),
  choosing("linux/amd64", ["linux/amd64", "linux/arm64"]),
  choosing("linux/arm64", ["linux/arm64", "linux/amd64"]),
  choosing("linux/arm64", ["linux/arm64/v8", "linux/arm/v7"]),
  choosingVariant("linux/arm64/v8", ["linux/arm64", "linux/arm/v7"]),
  choosing("linux/arm", ["linux/arm/v7", "linux/arm64"]),
  choosingVariant("linux/arm/v7", ["linux/arm", "linux/arm64"]),
  choosing("linux/arm/v7", ["linux/arm/v7", "linux/arm/v6"]),
  choosingVariant("linux/arm/v7", ["linux/arm/v6", "linux/arm64"]),
  choosing("linux/amd64", ["linux/amd64/v1", "linux/arm64"]),
  choosing("linux/amd64", ["linux/amd64/v2", "linux/arm64"]),
  choosingVariant("linux/amd64/v2", ["linux/amd64", "linux/arm64"]),
  choosing("linux/amd64/v3", ["linux/amd64/v3", "linux/amd64"]),
  choosing("linux/amd64", ["linux/386", "windows/amd64"]),
  index("the plain one after a variant", document([on(decoy, "linux/amd64/v3"), on(image, "linux/amd64")])),
  index("two of one platform: the first", document([on(image, "linux/amd64"), on(decoy, "linux/amd64")])),
  index("a child without a platform, alone", document([child(image)])),
  index("a child whose platform is null", document([child(image, { platform: null })])),
  index("a child without a platform after another's", document([on(decoy, "linux/arm64"), child(image)])),
  index(
    "a child without a platform before the right one",
    document([child(decoy), on(image, "linux/amd64")])
  ),
  index("a child without a platform, asked for linux/arm64", document([child(image)]), {
    platform: "linux/arm64"
  }),
  index("attestations beside", document([on(image, "linux/amd64"), on(decoy, "unknown/unknown")])),
  index("attestations first", document([on(decoy, "unknown/unknown"), on(image, "linux/amd64")])),
  index(
    "os.version and features",
    document([
      child(image, {
        platform: {
          os: "linux",
          architecture: "amd64",
          "os.version": "1",
          "os.features": ["x"],
          features: []
        }
      })
    ])
  ),
  index("no children", document([])),
  index("children are null", document(null)),
  index("no mediaType of its own", document([on(image, "linux/amd64")], { mediaType: undefined })),
  index("the child has no mediaType", document([on(image, "linux/amd64", { mediaType: undefined })])),
  index("the child has no size", document([on(image, "linux/amd64", { size: undefined })])),
  index("the child has a wrong size", document([on(image, "linux/amd64", { size: 1 })])),
  index(
    "the child is called docker's and is OCI's",
    document([on(image, "linux/amd64", { mediaType: MediaType.dockerManifest })])
  ),
  index("the child is not there", document([on(RegistryImage.ofPackage(new Uint8Array(3)), "linux/amd64")])),
  beside("an empty platform", { platform: {} }),
  beside("a platform without architecture", { platform: { os: "linux" } }),
  besideOdd("a platform that is text", { platform: "linux/arm64" }),
  besideOdd("a platform of numbers", { platform: { os: 1, architecture: 2 } }),
  beside("no size", { size: undefined }),
  besideOdd("a size in quotes", { size: "10" }),
  beside("no mediaType", { mediaType: undefined }),
  besideOdd("a BLAKE3 digest", { digest: `blake3:${"a".repeat(64)}` }),
  besideOdd("a SHA-384 digest", { digest: `sha384:${"a".repeat(96)}` }),
  beside("no digest", { digest: undefined }),
  besideOdd("annotations that are no strings", { annotations: { a: 1 } }),
  nested(2),
  nested(3),
  nested(4),
  nested(5),
  nested(6)
]
