import { type Digest, shortDigest } from "@registry-packages-proxy/oci/Digest"
import { Effect, Option } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import * as Body from "../wire/Body.ts"
import type { Exchange } from "./Exchange.ts"
import * as Limits from "../wire/Limits.ts"
import type { PullFailure } from "../wire/PullFailure.ts"
import { discard } from "../wire/Send.ts"

const ok: ReadonlySet<number> = new Set([200])
const wholeOrPart: ReadonlySet<number> = new Set([200, 206])

/** The whole's size in a Content-Range. Source: RFC 9110, section 14.4. */
const total = (response: HttpClientResponse.HttpClientResponse): Option.Option<number> =>
  Option.flatMap(Headers.get(response.headers, "content-range"), (range) => {
    const size = /^bytes [\d*-]+\/(\d{1,16})$/i.exec(range)?.[1]
    return size === undefined ? Option.none() : Option.some(Number(size))
  })

const headers = { accept: "*/*" } as const

/** The failures that a GET may not have: HEAD is not implemented, or an address is signed for GET alone. */
const refusesHead = ({ reason, retryable }: PullFailure): boolean =>
  reason._tag === "AddressRefused" ||
  (reason._tag === "UnexpectedStatus" && (!retryable || reason.status === 501))

/** Asks a registry about a blob without pulling it, within `until`, in milliseconds since the epoch. */
export const make = (exchange: Exchange) => {
  const head = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const question = { operation: "blob", method: "HEAD", path: `blobs/${digest}`, headers } as const
    const answer = yield* exchange(repository, question, ok)
    yield* discard(answer)
    return Body.contentLength(answer.response)
  })

  const firstByte = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const question = {
      operation: "blob",
      path: `blobs/${digest}`,
      headers: { ...headers, range: "bytes=0-0" }
    } as const
    const answer = yield* exchange(repository, question, wholeOrPart)
    // Of the whole nothing is read: its connection is given up.
    if (answer.response.status === 200) return Body.contentLength(answer.response)
    yield* discard(answer)
    return total(answer.response)
  })

  /**
   * The size that the registry says the blob has, if any: by HEAD, and by the first byte where HEAD is refused or says
   * nothing (a signed address may be good for GET alone). Fails with `BlobNotFound` where it has none.
   */
  const ask = (
    repository: Repository,
    digest: Digest,
    until: number
  ): Effect.Effect<Option.Option<number>, PullFailure> =>
    head(repository, digest).pipe(
      Effect.catchIf(refusesHead, () => Effect.succeed(Option.none<number>())),
      Effect.flatMap((size) => (Option.isSome(size) ? Effect.succeed(size) : firstByte(repository, digest))),
      Effect.scoped,
      (asked) => Attempts.beforeFirstByte(asked, until)
    )

  const whole = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const question = { operation: "blob", path: `blobs/${digest}`, headers } as const
    const what = `the layer ${shortDigest(digest)}, whose size neither the manifest nor the registry says,`
    return yield* Body.count(yield* exchange(repository, question, ok), Limits.maxCountedLayer, what)
  }, Effect.scoped)

  /** The size of a blob of which nobody says it: the whole is read. Its digest is verified when it is pulled. */
  const count = (repository: Repository, digest: Digest, until: number): Effect.Effect<number, PullFailure> =>
    Attempts.beforeFirstByte(whole(repository, digest), until)

  return { ask, count } as const
}
