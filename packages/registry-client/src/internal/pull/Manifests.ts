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
import * as Documents from "./Documents.ts"
import type { Exchange } from "./Exchange.ts"
import * as LayerProbe from "./LayerProbe.ts"
import * as Limits from "../wire/Limits.ts"
import { final, invalid, type PullFailure } from "../wire/PullFailure.ts"

const fromManifest = <A>(result: Result.Result<A, ManifestError>): Effect.Effect<A, PullFailure> =>
  Effect.mapError(Effect.fromResult(result), final)

/** Reads manifests and follows an index to the child for a platform; all documents share one budget of time. */
export const make = Effect.fnUntraced(function* (exchange: Exchange) {
  const read = yield* Documents.make(exchange)
  const probe = LayerProbe.make(exchange)

  /**
   * The layer as the registry has it. It is asked about one whose manifest gives no size, and one that it is not meant
   * to hold: it may hold that too, and only its 404 says that the layer is elsewhere.
   */
  const known = Effect.fnUntraced(function* (
    repository: Repository,
    layer: Descriptor,
    until: number
  ): Effect.fn.Return<Descriptor & { readonly size: number }, PullFailure> {
    const isForeign = MediaType.isForeignLayer(layer.mediaType)
    const stated = Option.fromUndefinedOr(layer.size)
    if (!isForeign && Option.isSome(stated)) return { ...layer, size: stated.value }
    const size = yield* probe
      .ask(repository, layer.digest, until)
      .pipe(
        Effect.mapError((failure) =>
          isForeign && failure.reason._tag === "BlobNotFound"
            ? final(new ManifestError({ reason: new ForeignLayer({ mediaType: layer.mediaType }) }))
            : failure
        )
      )
    const found = Option.orElse(stated, () => size)
    return {
      ...layer,
      size: Option.isSome(found) ? found.value : yield* probe.count(repository, layer.digest, until)
    }
  })

  return Effect.fnUntraced(function* (repository: Repository, manifestDigest: Digest, platform: Platform) {
    const until = yield* Attempts.deadline
    let indexes: ReadonlyArray<Digest> = []
    let reference: Documents.Reference = { digest: manifestDigest }
    for (;;) {
      const document = yield* read(repository, reference, until)
      if (document._tag === "ImageManifest") {
        const layer = yield* known(repository, yield* fromManifest(Manifest.packageLayer(document)), until)
        return PackageDescriptor.make(layer, { viaIndex: indexes.length > 0 })
      }
      const step = yield* fromManifest(Manifest.descend(indexes, document, reference.digest, platform))
      if ((step.child.size ?? 0) > Limits.maxManifestSize) {
        return yield* invalid(`the index gives a manifest larger than ${Limits.maxManifestSize} bytes`)
      }
      indexes = step.indexes
      reference = step.child
    }
  })
})
