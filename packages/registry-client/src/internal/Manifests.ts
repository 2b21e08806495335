import { algorithm, type Digest, short } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { ManifestError, NestedIndex } from "@registry-packages-proxy/oci/ManifestError"
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

/** Reads manifests and follows an index to the child for a platform; all documents share one budget of time. */
export const make = (exchange: Exchange) => {
  const fetch = Effect.fnUntraced(function* (
    repository: Repository,
    expected: { readonly digest: Digest; readonly size?: number; readonly mediaType?: string },
    until: number
  ) {
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

  return Effect.fnUntraced(function* (repository: Repository, digest: Digest, platform: Platform) {
    const until = yield* Attempts.deadline
    const root = yield* fetch(repository, { digest }, until)
    if (root._tag === "ImageManifest") {
      return PackageDescriptor.make(yield* fromManifest(Manifest.packageLayer(root)), { viaIndex: false })
    }
    const child = yield* fromManifest(Manifest.childFor(root, platform))
    const nested = final(new ManifestError({ reason: new NestedIndex({}) }))
    if (MediaType.manifestKind(child.mediaType) === "index") return yield* nested
    if (child.size > Limits.maxManifestSize) {
      return yield* invalid(`the index gives a manifest larger than ${Limits.maxManifestSize} bytes`)
    }
    const manifest = yield* fetch(repository, child, until)
    if (manifest._tag === "ImageIndex") return yield* nested
    return PackageDescriptor.make(yield* fromManifest(Manifest.packageLayer(manifest)), { viaIndex: true })
  })
}
