import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { ForeignLayer, ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as PackageDescriptor from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import type { Repository } from "@registry-packages-proxy/registry-client/Repository"
import {
  BlobNotFound,
  ManifestNotFound,
  RegistryError
} from "@registry-packages-proxy/registry-client/RegistryError"
import { Context, Effect, Layer, Stream } from "effect"
import { copyIntoBuffer } from "./TestBuffers.ts"
import type { RegistryBlob } from "../images/RegistryBlob.ts"
import * as RegistryImage from "../images/RegistryImage.ts"

type Reason = RegistryError["reason"]
type Operation = "resolve" | "blob"

/** A fault of one call to the mock. */
export type MockFault =
  /** `resolve` fails with `reason`. A `blob` stream fails after `after` bytes (default: 0). */
  | { readonly _tag: "Fail"; readonly reason: Reason; readonly after?: number }
  /**
   * `resolve` waits for `until`, and then continues. A `blob` stream does the same when it has sent the number of bytes
   * in `after` (default: 0).
   */
  | { readonly _tag: "Stall"; readonly until: Effect.Effect<unknown>; readonly after?: number }

/**
 * Controls a mock RegistryClient that serves images from memory. Every repository has the same images. The mock never
 * retries, so its callers see each fault.
 */
export class RegistryClientMock extends Context.Service<
  RegistryClientMock,
  {
    readonly put: (image: RegistryImage.RegistryImage) => Effect.Effect<void>
    /** Adds an image whose only layer is this package, and returns the image. */
    readonly putPackage: (content: Uint8Array | RegistryBlob) => Effect.Effect<RegistryImage.RegistryImage>
    /** Appends faults for an operation. Each later call of the operation takes one fault, in order. */
    readonly injectFaults: (operation: Operation, ...faults: ReadonlyArray<MockFault>) => Effect.Effect<void>
    /**
     * Returns the number of calls so far. A call of `blob` is counted when its stream starts. It is never counted if
     * its `offset` is at the end of the blob.
     */
    readonly callCount: (operation: Operation) => Effect.Effect<number>
    /** Number of blob streams in progress. */
    readonly openStreams: Effect.Effect<number>
  }
>()("@registry-packages-proxy/testkit/RegistryClientMock") {
  /** Provides a RegistryClient with these images, and the RegistryClientMock that controls it. */
  static readonly layer = (
    images: ReadonlyArray<RegistryImage.RegistryImage> = []
  ): Layer.Layer<RegistryClient | RegistryClientMock> => Layer.effectContext(Effect.sync(() => make(images)))
}

const failure = (repository: Repository, reason: Reason): RegistryError =>
  new RegistryError({ registry: repository.source.host, reason })

const make = (images: ReadonlyArray<RegistryImage.RegistryImage>) => {
  const manifests = new Map<Digest, RegistryImage.RegistryImage>()
  const blobs = new Map<Digest, RegistryBlob>()
  const faults: Record<Operation, Array<MockFault>> = { resolve: [], blob: [] }
  const counts: Record<Operation, number> = { resolve: 0, blob: 0 }
  let open = 0

  const put = (image: RegistryImage.RegistryImage): void => {
    manifests.set(image.digest, image)
    for (const blob of image.blobs) blobs.set(blob.digest, blob)
    for (const child of image.children) put(child)
  }
  for (const image of images) put(image)

  const begin = (operation: Operation): MockFault | undefined => {
    counts[operation]++
    return faults[operation].shift()
  }

  const suffer = (repository: Repository, fault: MockFault | undefined): Effect.Effect<void, RegistryError> =>
    fault === undefined
      ? Effect.void
      : fault._tag === "Fail"
        ? Effect.fail(failure(repository, fault.reason))
        : Effect.asVoid(fault.until)

  const parse = (repository: Repository, manifestDigest: Digest) => {
    const image = manifests.get(manifestDigest)
    return image === undefined
      ? Effect.fail(failure(repository, new ManifestNotFound({})))
      : valid(repository, Effect.fromResult(Manifest.parse(image.bytes, image.mediaType)))
  }

  const valid = <A>(repository: Repository, effect: Effect.Effect<A, ManifestError>) =>
    Effect.mapError(effect, (reason) => failure(repository, reason))

  const resolve = Effect.fnUntraced(function* (
    repository: Repository,
    manifestDigest: Digest,
    platform: Platform
  ) {
    yield* suffer(repository, begin("resolve"))
    let indexes: ReadonlyArray<Digest> = []
    let asked = manifestDigest
    for (;;) {
      const document = yield* parse(repository, asked)
      if (document._tag === "ImageManifest") {
        const layer = yield* valid(repository, Effect.fromResult(Manifest.packageLayer(document)))
        const held = blobs.get(layer.digest)
        if (held === undefined && MediaType.isForeignLayer(layer.mediaType)) {
          const reason = new ForeignLayer({ mediaType: layer.mediaType })
          return yield* failure(repository, new ManifestError({ reason }))
        }
        const size = layer.size ?? held?.size ?? 0
        return PackageDescriptor.make({ ...layer, size }, { viaIndex: indexes.length > 0 })
      }
      const step = Effect.fromResult(Manifest.resolveChild(indexes, document, asked, platform))
      const { child, indexes: path } = yield* valid(repository, step)
      indexes = path
      asked = child.digest
    }
  })

  const blob = (
    repository: Repository,
    layer: PackageDescriptor.PackageLayer,
    offset: number,
    buffers?: ReadBuffers
  ): Stream.Stream<Uint8Array, RegistryError> => {
    const stream = Stream.suspend(() => {
      if (offset >= layer.size) return Stream.empty
      const fault = begin("blob")
      const held = blobs.get(layer.layerDigest)
      if (held === undefined) return Stream.fail(failure(repository, new BlobNotFound({})))
      const bytes = (from: number, to: number) =>
        Stream.map(Stream.fromIterable(held.read(from, to)), (chunk) => copyIntoBuffer(buffers, chunk))
      const end = Math.min(layer.size, held.size)
      if (fault === undefined) return bytes(offset, end)
      const pause = Math.min(end, offset + (fault.after ?? 0))
      return bytes(offset, pause).pipe(
        Stream.concat(Stream.drain(Stream.fromEffect(suffer(repository, fault)))),
        Stream.concat(bytes(pause, end))
      )
    })
    const counted = Effect.acquireRelease(
      Effect.sync(() => void open++),
      () => Effect.sync(() => void open--)
    )
    return Stream.unwrap(Effect.as(counted, stream))
  }

  return Context.make(RegistryClient, RegistryClient.of({ resolve, blob })).pipe(
    Context.add(
      RegistryClientMock,
      RegistryClientMock.of({
        put: (image) => Effect.sync(() => put(image)),
        putPackage: (content) =>
          Effect.sync(() => {
            const image = RegistryImage.ofPackage(content)
            put(image)
            return image
          }),
        injectFaults: (operation, ...more) => Effect.sync(() => void faults[operation].push(...more)),
        callCount: (operation) => Effect.sync(() => counts[operation]),
        openStreams: Effect.sync(() => open)
      })
    )
  )
}
