import type { Descriptor } from "@registry-packages-proxy/oci/Descriptor"
import { algorithm, type Digest, short } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { ForeignLayer, ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as PackageDescriptor from "@registry-packages-proxy/oci/PackageDescriptor"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Effect, type Result } from "effect"
import type { Repository } from "../Repository.ts"
import * as Attempts from "./Attempts.ts"
import { readAll } from "./Body.ts"
import type { Exchange } from "./Exchange.ts"
import * as Limits from "./Limits.ts"
import { final, invalid, type PullFailure } from "./PullFailure.ts"

const ok: ReadonlySet<number> = new Set([200])

const fromManifest = <A>(result: Result.Result<A, ManifestError>): Effect.Effect<A, PullFailure> =>
  Effect.mapError(Effect.fromResult(result), final)

/** What is known of a document before it is read. */
interface Expected {
  readonly digest: Digest
  readonly size?: number | undefined
  readonly mediaType?: string
}

/** Reads manifests and follows an index to the child for a platform; all documents share one budget of time. */
export const make = (exchange: Exchange) => {
  const fetch = Effect.fnUntraced(function* (repository: Repository, expected: Expected, until: number) {
    const attempt = Effect.scoped(
      Effect.gen(function* () {
        const question = {
          operation: "manifest",
          path: `manifests/${expected.digest}`,
          headers: { accept: MediaType.acceptManifests }
        } as const
        const answer = yield* exchange(repository, question, ok)
        const bytes = yield* readAll(answer, Limits.maxManifestSize, "the manifest")
        if (expected.size !== undefined && bytes.length !== expected.size) {
          return yield* invalid(`the manifest ${short(expected.digest)} has not the size its index gives`)
        }
        if (digestOf(bytes, algorithm(expected.digest)) !== expected.digest) {
          return yield* invalid(
            `the bytes the registry gives as manifest ${short(expected.digest)} have another digest`
          )
        }
        return { bytes, contentType: answer.response.headers["content-type"] ?? expected.mediaType }
      })
    )
    const { bytes, contentType } = yield* Attempts.beforeFirstByte(attempt, until)
    return yield* fromManifest(Manifest.parse(bytes, contentType))
  })

  const withSize = (
    layer: Descriptor
  ): Effect.Effect<Descriptor & { readonly size: number }, PullFailure> => {
    const { mediaType, size } = layer
    if (MediaType.isForeignLayer(mediaType)) {
      return Effect.fail(final(new ManifestError({ reason: new ForeignLayer({ mediaType }) })))
    }
    return size === undefined
      ? invalid("the manifest does not say how large its last layer is")
      : Effect.succeed({ ...layer, size })
  }

  return Effect.fnUntraced(function* (repository: Repository, digest: Digest, platform: Platform) {
    const until = yield* Attempts.deadline
    let indexes: ReadonlyArray<Digest> = []
    let expected: Expected = { digest }
    for (;;) {
      const document = yield* fetch(repository, expected, until)
      if (document._tag === "ImageManifest") {
        const layer = yield* withSize(yield* fromManifest(Manifest.packageLayer(document)))
        return PackageDescriptor.make(layer, { viaIndex: indexes.length > 0 })
      }
      const step = yield* fromManifest(Manifest.descend(indexes, document, expected.digest, platform))
      if ((step.child.size ?? 0) > Limits.maxManifestSize) {
        return yield* invalid(`the index gives a manifest larger than ${Limits.maxManifestSize} bytes`)
      }
      indexes = step.indexes
      expected = step.child
    }
  })
}
