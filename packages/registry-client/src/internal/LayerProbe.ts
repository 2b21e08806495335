import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { Effect, Option } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import type { Repository } from "../Repository.ts"
import * as Attempts from "./Attempts.ts"
import { contentLength } from "./Body.ts"
import type { Exchange } from "./Exchange.ts"
import type { PullFailure } from "./PullFailure.ts"
import { discard } from "./Send.ts"

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

/**
 * Asks whether the registry has a blob, and how large it says it is, without reading the blob: by HEAD, and by the first
 * byte where HEAD is refused or says nothing (a signed address may be good for GET alone). Fails with `BlobNotFound`
 * where it has none.
 */
export const make = (exchange: Exchange) => {
  const head = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const question = { operation: "blob", method: "HEAD", path: `blobs/${digest}`, headers } as const
    const answer = yield* exchange(repository, question, ok)
    yield* discard(answer)
    return contentLength(answer.response)
  })

  const firstByte = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const question = {
      operation: "blob",
      path: `blobs/${digest}`,
      headers: { ...headers, range: "bytes=0-0" }
    } as const
    const answer = yield* exchange(repository, question, wholeOrPart)
    // Of the whole nothing is read: its connection is given up.
    if (answer.response.status === 200) return contentLength(answer.response)
    yield* discard(answer)
    return total(answer.response)
  })

  const ask = (repository: Repository, digest: Digest) =>
    Effect.scoped(
      head(repository, digest).pipe(
        Effect.catchIf(refusesHead, () => Effect.succeed(Option.none<number>())),
        Effect.flatMap((size) => (Option.isSome(size) ? Effect.succeed(size) : firstByte(repository, digest)))
      )
    )

  return (
    repository: Repository,
    digest: Digest,
    until: number
  ): Effect.Effect<Option.Option<number>, PullFailure> =>
    Attempts.beforeFirstByte(ask(repository, digest), until)
}
