import { algorithm, type Digest, shortDigest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Cache, Duration, Effect, Result } from "effect"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import { readAll } from "../wire/Body.ts"
import * as ContentCoding from "../wire/ContentCoding.ts"
import type { Exchange } from "./Exchange.ts"
import { Identified, sourceId } from "../auth/Identity.ts"
import * as Limits from "../wire/Limits.ts"
import * as ManifestParser from "./ManifestParser.ts"
import { final, invalid, type PullFailure } from "../wire/PullFailure.ts"
import type { Answer } from "../wire/Send.ts"

/** A manifest or index as a descriptor or a client names it; a size of 0 is one that is not known. */
export interface Reference {
  readonly digest: Digest
  readonly size?: number | undefined
  readonly mediaType?: string | undefined
}

interface Document {
  readonly size: number
  readonly parsed: ManifestParser.Parsed
}

/** A document to read: of a registry, for a credential, in a repository. */
class Reading extends Identified {
  readonly repository: Repository
  readonly reference: Reference
  readonly until: number

  constructor(repository: Repository, reference: Reference, until: number) {
    super(sourceId(repository.source), repository.name, reference.digest, reference.mediaType ?? "")
    this.repository = repository
    this.reference = reference
    this.until = until
  }
}

const ok: ReadonlySet<number> = new Set([200])

/** The document's bytes: those that came, or, where they came encoded, what they stand for. */
const bytesOf = Effect.fnUntraced(function* (
  answer: Answer,
  digest: Digest
): Effect.fn.Return<Uint8Array, PullFailure> {
  const name = `the manifest ${shortDigest(digest)}`
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
    : invalid(`the bytes that came as manifest ${shortDigest(digest)} have another digest`, answer.server)
})

/** Reads manifests and indexes of registries, verified and parsed. One that several ask for at once is read once. */
export const make = Effect.fnUntraced(function* (exchange: Exchange) {
  const parse = yield* ManifestParser.make(Manifest.parse)

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
      return yield* invalid(`the manifest ${shortDigest(digest)} has not the size its index gives`)
    }
    return yield* Effect.mapError(Effect.fromResult(document.parsed), final)
  })
})

export interface Documents extends Effect.Success<ReturnType<typeof make>> {}
