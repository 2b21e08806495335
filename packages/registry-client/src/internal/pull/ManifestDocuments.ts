import { algorithm, type Digest, shortDigest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Cache, Duration, Effect, Result } from "effect"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import { readAll } from "../wire/Body.ts"
import * as ContentCoding from "../wire/ContentCoding.ts"
import type { SendRequest } from "./RegistryRequest.ts"
import { HashedKey, sourceKey } from "../auth/HashedKey.ts"
import * as Limits from "../wire/Limits.ts"
import * as ManifestParser from "./ManifestParser.ts"
import { permanent, invalidResponse, type PullFailure } from "../wire/PullFailure.ts"
import type { UpstreamResponse } from "../wire/SendOnce.ts"

/**
 * A reference to a manifest or index, from a descriptor or a client's request. A `size` of 0 means that the size is
 * unknown.
 */
export interface ManifestReference {
  readonly digest: Digest
  readonly size?: number | undefined
  readonly mediaType?: string | undefined
}

interface Document {
  readonly size: number
  readonly parsed: ManifestParser.ParsedManifest
}

/** The cache key of a manifest or index. Contains the registry, credential, repository, digest and media type. */
class DocumentKey extends HashedKey {
  readonly repository: Repository
  readonly reference: ManifestReference
  readonly deadlineMillis: number

  constructor(repository: Repository, reference: ManifestReference, deadlineMillis: number) {
    super(sourceKey(repository.source), repository.name, reference.digest, reference.mediaType ?? "")
    this.repository = repository
    this.reference = reference
    this.deadlineMillis = deadlineMillis
  }
}

const ok: ReadonlySet<number> = new Set([200])

/**
 * Returns the received bytes if they have the digest. Otherwise, decodes the bytes by Content-Encoding. Returns the
 * decoded bytes if they have the digest, and fails if not.
 */
const bytesOf = Effect.fnUntraced(function* (
  received: UpstreamResponse,
  digest: Digest
): Effect.fn.Return<Uint8Array, PullFailure> {
  const name = `the manifest ${shortDigest(digest)}`
  const hasDigest = (bytes: Uint8Array): boolean => digestOf(bytes, algorithm(digest)) === digest
  const bytes = yield* readAll(received, Limits.maxManifestSize, name)
  if (hasDigest(bytes)) return bytes
  const decoded = ContentCoding.decode(
    bytes,
    received.response.headers["content-encoding"],
    Limits.maxManifestSize
  )
  if (Result.isSuccess(decoded) && hasDigest(decoded.success)) return decoded.success
  return yield* Result.isFailure(decoded) && decoded.failure === "too large"
    ? invalidResponse(
        `${name} is larger than ${Limits.maxManifestSize} bytes once decoded`,
        received.otherServer
      )
    : invalidResponse(
        `the bytes received as manifest ${shortDigest(digest)} have another digest`,
        received.otherServer
      )
})

/**
 * Makes a function that reads, verifies and parses a manifest or index. Concurrent calls share one read if they have
 * the same {@link DocumentKey}.
 */
export const make = Effect.fnUntraced(function* (sendRequest: SendRequest) {
  const parse = yield* ManifestParser.make(Manifest.parse)

  const read = ({
    deadlineMillis,
    reference,
    repository
  }: DocumentKey): Effect.Effect<Document, PullFailure> => {
    const { digest, mediaType } = reference
    const request = {
      operation: "manifest",
      path: `manifests/${digest}`,
      headers: { accept: MediaType.acceptManifests }
    } as const
    const attempt = Effect.scoped(
      Effect.gen(function* () {
        const received = yield* sendRequest(repository, request, ok)
        const bytes = yield* bytesOf(received, digest)
        const contentType = received.response.headers["content-type"] ?? mediaType
        return { size: bytes.length, parsed: yield* parse(bytes, contentType, digest) }
      })
    )
    return Attempts.retryUntilFirstByte(attempt, deadlineMillis)
  }

  const reads = yield* Cache.makeWith(read, {
    capacity: Limits.maxCacheEntries,
    timeToLive: () => Duration.zero
  })

  return Effect.fnUntraced(function* (
    repository: Repository,
    reference: ManifestReference,
    deadlineMillis: number
  ): Effect.fn.Return<Manifest.ImageManifest | Manifest.ImageIndex, PullFailure> {
    const { digest, size = 0 } = reference
    const document = yield* Cache.get(reads, new DocumentKey(repository, reference, deadlineMillis))
    if (size !== 0 && document.size !== size) {
      return yield* invalidResponse(
        `the manifest ${shortDigest(digest)} does not have the size that its index gives`
      )
    }
    return yield* Effect.mapError(Effect.fromResult(document.parsed), permanent)
  })
})

export interface ManifestDocuments extends Effect.Success<ReturnType<typeof make>> {}
