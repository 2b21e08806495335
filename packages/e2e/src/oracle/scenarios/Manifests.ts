import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { defaultContent, scenario, type ScenarioOptions, type Scenario } from "../harness/Scenario.ts"

const blob = RegistryBlob.fromBytes(defaultContent)
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip"

/** Returns the descriptor of the package layer. `changes` replaces its fields, and undefined values remove them. */
const descriptor = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  mediaType: layerType,
  digest: blob.digest,
  size: blob.size,
  ...changes
})

const config = descriptor({
  mediaType: "application/vnd.oci.image.config.v1+json",
  digest: RegistryBlob.fromBytes(new TextEncoder().encode("{}")).digest,
  size: 2
})

const other = descriptor({ digest: `sha256:${"0".repeat(64)}`, size: 1 })

const manifest = (name: string, text: string, about: ScenarioOptions = {}): Scenario => {
  const image = RegistryImage.ofBytes(text)
  return scenario(`manifest: ${name}`, { image: { ...image, blobs: [blob] }, ...about })
}

/**
 * Returns a scenario whose manifest has odd values in fields that a pull does not need. go-containerregistry rejects
 * this manifest.
 */
const unused = (name: string, text: string): Scenario => manifest(`not used and odd: ${name}`, text)

const document = (changes: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers: [descriptor()],
    ...changes
  })

const layers = (name: string, ...all: ReadonlyArray<unknown>): Scenario =>
  manifest(name, document({ layers: all }))

const foreign = RegistryImage.withForeignLayer(blob)

/** Scenarios with different manifests, mostly with missing, wrong or unusual fields. */
export const manifests: ReadonlyArray<Scenario> = [
  scenario("manifest: docker's", { image: RegistryImage.ofPackage(defaultContent, { format: "docker" }) }),
  scenario("manifest: of SHA-512", {
    image: RegistryImage.ofPackage(defaultContent, { algorithm: "sha512" })
  }),
  scenario("manifest: a zstd layer", {
    image: RegistryImage.ofPackage(defaultContent, {
      mediaType: "application/vnd.oci.image.layer.v1.tar+zstd"
    })
  }),
  scenario("manifest: an empty package", {
    image: RegistryImage.ofPackage(new Uint8Array()),
    content: new Uint8Array()
  }),
  scenario("manifest: schema 1", { image: RegistryImage.schema1(blob) }),
  scenario("manifest: a foreign layer that the registry holds", {
    image: { ...foreign, blobs: [...foreign.blobs, blob] }
  }),
  scenario("manifest: a foreign layer that is elsewhere", { image: foreign }),
  manifest("no layers", document({ layers: [] })),
  manifest("layers are null", document({ layers: null })),
  manifest("no layers field", document({ layers: undefined })),
  layers("an earlier layer without a size", { ...other, size: undefined }, descriptor()),
  layers("an earlier layer without a mediaType", { ...other, mediaType: undefined }, descriptor()),
  unused(
    "an earlier layer of another algorithm",
    document({ layers: [{ ...other, digest: `sha384:${"0".repeat(96)}` }, descriptor()] })
  ),
  layers("an earlier layer without a digest", { ...other, digest: undefined }, descriptor()),
  unused("an earlier layer that is a number", document({ layers: [7, descriptor()] })),
  layers("an earlier layer that is null", null, descriptor()),
  layers("the last layer without a mediaType", descriptor({ mediaType: undefined })),
  layers("the last layer with an empty mediaType", descriptor({ mediaType: "" })),
  layers("the last layer of a type nobody knows", descriptor({ mediaType: "application/x-unknown" })),
  layers("the last layer without a size", descriptor({ size: undefined })),
  layers("the last layer with size 0", descriptor({ size: 0 })),
  manifest(
    "the last layer without a size, on a registry that says none",
    document({ layers: [descriptor({ size: undefined })] }),
    {
      prepareRegistry: (registry) =>
        registry.injectFaults("blob", [{ _tag: "NoLength" }, { _tag: "IgnoreRange" }], { times: "always" })
    }
  ),
  layers("the last layer with size null", descriptor({ size: null })),
  layers("the last layer with a size too small", descriptor({ size: 10 })),
  layers("the last layer with a size too big", descriptor({ size: 6000 })),
  layers("the last layer with a size in quotes", descriptor({ size: "5000" })),
  layers("the last layer with a negative size", descriptor({ size: -1 })),
  layers(
    "the last layer with a digest in capitals",
    descriptor({ digest: blob.digest.toUpperCase().replace("SHA256", "sha256") })
  ),
  layers("the last layer of another algorithm", descriptor({ digest: `sha384:${"0".repeat(96)}` })),
  layers("the last layer with data", descriptor({ data: "AAAA" })),
  unused(
    "the last layer's annotations that are no strings",
    document({ layers: [descriptor({ annotations: { a: 1 } })] })
  ),
  layers("the last layer with empty urls", descriptor({ urls: [] })),
  manifest("no config", document({ config: undefined })),
  manifest("config is null", document({ config: null })),
  unused("config is text", document({ config: "none" })),
  unused("annotations that are no strings", document({ annotations: { a: 1 } })),
  unused("annotations are a list", document({ annotations: [] })),
  manifest("no mediaType", document({ mediaType: undefined })),
  manifest("mediaType is null", document({ mediaType: null })),
  manifest("another mediaType than Content-Type", document({ mediaType: MediaType.dockerManifest })),
  manifest("no schemaVersion", document({ schemaVersion: undefined })),
  manifest("schemaVersion 1, with layers", document({ schemaVersion: 1 })),
  unused("schemaVersion in quotes", document({ schemaVersion: "2" })),
  manifest("subject and artifactType", document({ artifactType: "application/x-a", subject: other })),
  manifest("fields nobody knows", document({ layerz: 1, "": {} })),
  manifest("a field twice, the last one right", document().replace('"layers"', '"layers":[],"layers"')),
  manifest("blanks around", `\n\t ${document()} \n`),
  manifest("a byte order mark", `\u{feff}${document()}`),
  manifest("something after the end", `${document()}x`),
  manifest("a second document after the end", document() + document()),
  manifest("no JSON", "<html>"),
  manifest("a list", "[]"),
  manifest("null", "null"),
  manifest("3 MiB of annotations", document({ annotations: { a: "x".repeat(3 * 1024 * 1024) } })),
  manifest("5 MiB of annotations", document({ annotations: { a: "x".repeat(5 * 1024 * 1024) } }))
]
