import { algorithm, type Digest, short } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Cache, Cause, Duration, Effect, Equal, Hash, Option, Result } from "effect"
import type { Repository } from "../Repository.ts"
import * as Attempts from "./Attempts.ts"
import { readAll } from "./Body.ts"
import * as ContentCoding from "./ContentCoding.ts"
import type { Exchange } from "./Exchange.ts"
import { hashed, sourceId } from "./Identity.ts"
import * as Limits from "./Limits.ts"
import { final, invalid, type PullFailure } from "./PullFailure.ts"
import type { Answer } from "./Send.ts"

/** A manifest or index as a descriptor or a client names it; a size of 0 is one that is not known. */
export interface Reference {
  readonly digest: Digest
  readonly size?: number | undefined
  readonly mediaType?: string | undefined
}

type Parsed = Result.Result<Manifest.ImageManifest | Manifest.ImageIndex, ManifestError>

interface Document {
  readonly size: number
  readonly parsed: Parsed
}

/** A document to read; equal to another by a hash, since it is of a registry, a credential and a repository. */
class Reading implements Equal.Equal {
  readonly repository: Repository
  readonly reference: Reference
  readonly until: number
  readonly id: string

  constructor(repository: Repository, reference: Reference, until: number) {
    this.repository = repository
    this.reference = reference
    this.until = until
    this.id = hashed(
      sourceId(repository.source),
      repository.name,
      reference.digest,
      reference.mediaType ?? ""
    )
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof Reading && that.id === this.id
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

const ok: ReadonlySet<number> = new Set([200])

/** The document's bytes: those that came, or, where they came encoded, what they stand for. */
const bytesOf = Effect.fnUntraced(function* (
  answer: Answer,
  digest: Digest
): Effect.fn.Return<Uint8Array, PullFailure> {
  const name = `the manifest ${short(digest)}`
  const isIt = (bytes: Uint8Array): boolean => digestOf(bytes, algorithm(digest)) === digest
  const bytes = yield* readAll(answer, Limits.maxManifestSize, name)
  if (isIt(bytes)) return bytes
  const decoded = ContentCoding.decode(
    bytes,
    answer.response.headers["content-encoding"],
    Limits.maxManifestSize
  )
  if (Result.isSuccess(decoded) && isIt(decoded.success)) return decoded.success
  return yield* Result.isFailure(decoded) && decoded.failure === "too large"
    ? invalid(`${name} is larger than ${Limits.maxManifestSize} bytes once decoded`, answer.server)
    : invalid(`the bytes that came as manifest ${short(digest)} have another digest`, answer.server)
})

/**
 * Reads manifests and indexes of registries, verified and parsed. One that several ask for at once is asked for once;
 * a large one that comes from several repositories at once is parsed once.
 */
export const make = Effect.fnUntraced(function* (exchange: Exchange) {
  const large = yield* Cache.make<string, Parsed, Cause.NoSuchElementError>({
    lookup: () => Effect.fail(new Cause.NoSuchElementError()),
    capacity: Limits.maxLargeManifests,
    timeToLive: Limits.largeManifestLife
  })

  const parse = Effect.fnUntraced(function* (
    bytes: Uint8Array,
    contentType: string | undefined,
    digest: Digest
  ) {
    if (bytes.length < Limits.largeManifestSize) return Manifest.parse(bytes, contentType)
    const key = `${digest} ${contentType ?? ""}`
    const known = yield* Cache.getSuccess(large, key)
    if (Option.isSome(known)) return known.value
    const parsed = Manifest.parse(bytes, contentType)
    yield* Cache.set(large, key, parsed)
    return parsed
  })

  const read = ({ reference, repository, until }: Reading): Effect.Effect<Document, PullFailure> => {
    const { digest, mediaType } = reference
    const question = {
      operation: "manifest",
      path: `manifests/${digest}`,
      headers: { accept: MediaType.acceptManifests }
    } as const
    const attempt = Effect.scoped(
      Effect.gen(function* () {
        const answer = yield* exchange(repository, question, ok)
        const bytes = yield* bytesOf(answer, digest)
        const contentType = answer.response.headers["content-type"] ?? mediaType
        return { size: bytes.length, parsed: yield* parse(bytes, contentType, digest) }
      })
    )
    return Attempts.beforeFirstByte(attempt, until)
  }

  const reads = yield* Cache.makeWith(read, {
    capacity: Limits.maxRemembered,
    timeToLive: () => Duration.zero
  })

  return Effect.fnUntraced(function* (
    repository: Repository,
    reference: Reference,
    until: number
  ): Effect.fn.Return<Manifest.ImageManifest | Manifest.ImageIndex, PullFailure> {
    const { digest, size = 0 } = reference
    const document = yield* Cache.get(reads, new Reading(repository, reference, until))
    if (size !== 0 && document.size !== size) {
      return yield* invalid(`the manifest ${short(digest)} has not the size its index gives`)
    }
    return yield* Effect.mapError(Effect.fromResult(document.parsed), final)
  })
})

export interface Documents extends Effect.Success<ReturnType<typeof make>> {}
