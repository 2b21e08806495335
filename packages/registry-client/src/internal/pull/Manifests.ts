import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Descriptor } from "@registry-packages-proxy/oci/Descriptor"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { ForeignLayer, ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as PackageDescriptor from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Effect, Option, type Result } from "effect"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import * as ManifestDocuments from "./ManifestDocuments.ts"
import type { SendRequest } from "./RegistryRequest.ts"
import * as LayerProbe from "./LayerProbe.ts"
import * as Limits from "../wire/Limits.ts"
import { permanent, invalidResponse, type PullFailure } from "../wire/PullFailure.ts"

const fromManifest = <A>(result: Result.Result<A, ManifestError>): Effect.Effect<A, PullFailure> =>
  Effect.mapError(Effect.fromResult(result), permanent)

/**
 * Makes a function that finds the descriptor of a package by its manifest digest. If the digest is that of an index,
 * the function continues with the child manifest for the platform. All requests of one call share one deadline.
 */
export const make = Effect.fnUntraced(function* (sendRequest: SendRequest) {
  const read = yield* ManifestDocuments.make(sendRequest)
  const probe = LayerProbe.make(sendRequest)

  /**
   * Returns the layer with its size. Asks the registry for the size if the descriptor has none. For a foreign layer,
   * always asks the registry, and fails with `ForeignLayer` if the registry responds 404.
   */
  const withSize = Effect.fnUntraced(function* (
    repository: Repository,
    layer: Descriptor,
    deadlineMillis: number
  ): Effect.fn.Return<Descriptor & { readonly size: number }, PullFailure> {
    const isForeign = MediaType.isForeignLayer(layer.mediaType)
    const givenSize = Option.fromUndefinedOr(layer.size)
    if (!isForeign && Option.isSome(givenSize)) return { ...layer, size: givenSize.value }
    const size = yield* probe
      .sizeFromRegistry(repository, layer.digest, deadlineMillis)
      .pipe(
        Effect.mapError((failure) =>
          isForeign && failure.reason._tag === "BlobNotFound"
            ? permanent(new ManifestError({ reason: new ForeignLayer({ mediaType: layer.mediaType }) }))
            : failure
        )
      )
    const found = Option.orElse(givenSize, () => size)
    return {
      ...layer,
      size: Option.isSome(found)
        ? found.value
        : yield* probe.countBytes(repository, layer.digest, deadlineMillis)
    }
  })

  return Effect.fnUntraced(function* (repository: Repository, manifestDigest: Digest, platform: Platform) {
    const deadlineMillis = yield* Attempts.newDeadline
    let indexes: ReadonlyArray<Digest> = []
    let reference: ManifestDocuments.ManifestReference = { digest: manifestDigest }
    for (;;) {
      const document = yield* read(repository, reference, deadlineMillis)
      if (document._tag === "ImageManifest") {
        const layer = yield* withSize(
          repository,
          yield* fromManifest(Manifest.packageLayer(document)),
          deadlineMillis
        )
        return PackageDescriptor.make(layer, { viaIndex: indexes.length > 0 })
      }
      const step = yield* fromManifest(Manifest.resolveChild(indexes, document, reference.digest, platform))
      if ((step.child.size ?? 0) > Limits.maxManifestSize) {
        return yield* invalidResponse(`the index has a manifest larger than ${Limits.maxManifestSize} bytes`)
      }
      indexes = step.indexes
      reference = step.child
    }
  })
})
