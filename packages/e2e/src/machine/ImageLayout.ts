import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, FileSystem, Path } from "effect"
import * as PackageFile from "../clients/PackageFile.ts"

/** An image in an OCI image layout. The last layer of the image is the package. */
export interface LayoutImage {
  /** The name of the image in the layout. A push also uses it as the tag in the registry. */
  readonly name: string
  readonly digest: Digest
  readonly package: PackageFile.PackageFile
}

/** An image index in an OCI image layout. `images` contains an image for each architecture. */
export interface LayoutIndex {
  readonly name: string
  readonly digest: Digest
  readonly images: Readonly<Record<string, LayoutImage>>
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
}

interface ImageOptions extends PackageFile.PackageOptions {
  readonly name: string
  readonly architecture?: string
}

const mediaTypes = {
  config: "application/vnd.oci.image.config.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json"
}

/** Creates an empty OCI image layout from which skopeo pushes images. The end of the scope removes it. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-layout-" })
  const blobs = path.join(directory, "blobs", "sha256")
  const named: Array<Descriptor & { readonly annotations: Record<string, string> }> = []
  yield* fs.makeDirectory(blobs, { recursive: true })
  yield* fs.writeFileString(
    path.join(directory, "oci-layout"),
    JSON.stringify({ imageLayoutVersion: "1.0.0" })
  )

  const putJson = Effect.fnUntraced(function* (mediaType: string, value: unknown) {
    const bytes = new TextEncoder().encode(JSON.stringify(value))
    const digest = digestOf(bytes, "sha256")
    yield* fs.writeFile(path.join(blobs, digest.slice("sha256:".length)), bytes)
    const descriptor: Descriptor = { mediaType, digest, size: bytes.length }
    return descriptor
  })

  const name = Effect.fnUntraced(function* (descriptor: Descriptor, tag: string) {
    named.push({ ...descriptor, annotations: { "org.opencontainers.image.ref.name": tag } })
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: named }
    yield* fs.writeFileString(path.join(directory, "index.json"), JSON.stringify(index))
  })

  // The first layer of each image. The package is the second layer, as in module images.
  const front = yield* PackageFile.make(blobs, { size: 512, seed: 255 })

  const putImage = Effect.fnUntraced(function* ({ architecture = "amd64", ...request }: ImageOptions) {
    const file = yield* PackageFile.make(blobs, request)
    const layers = [front, file].map(({ digest, mediaType, size }) => ({ mediaType, digest, size }))
    const config = yield* putJson(mediaTypes.config, {
      os: "linux",
      architecture,
      config: {},
      rootfs: { type: "layers", diff_ids: [front.diffId, file.diffId] }
    })
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers }
    return { descriptor: yield* putJson(mediaTypes.manifest, manifest), file }
  })

  /** Generates an image with a package, and adds the image to the layout. The default architecture is amd64. */
  const image = Effect.fnUntraced(function* (request: ImageOptions) {
    const { descriptor, file } = yield* putImage(request)
    yield* name(descriptor, request.name)
    const made: LayoutImage = { name: request.name, digest: descriptor.digest, package: file }
    return made
  })

  /**
   * Generates an image for each architecture, each with a different package. Adds an index of these images to the
   * layout.
   */
  const index = Effect.fnUntraced(function* (request: ImageOptions, architectures: ReadonlyArray<string>) {
    const images = yield* Effect.forEach(architectures, (architecture, position) =>
      Effect.map(
        putImage({ ...request, architecture, seed: request.seed + position }),
        ({ descriptor, file }) => ({ architecture, descriptor, file })
      )
    )
    const manifests = images.map(({ architecture, descriptor }) => ({
      ...descriptor,
      platform: { os: "linux", architecture }
    }))
    const descriptor = yield* putJson(mediaTypes.index, {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests
    })
    yield* name(descriptor, request.name)
    const made: LayoutIndex = {
      name: request.name,
      digest: descriptor.digest,
      images: Object.fromEntries(
        images.map(({ architecture, descriptor, file }) => [
          architecture,
          { name: request.name, digest: descriptor.digest, package: file }
        ])
      )
    }
    return made
  })

  return { directory, image, index }
})

/** An OCI image layout, with functions that add images to it. */
export type ImageLayout = Effect.Success<typeof make>
