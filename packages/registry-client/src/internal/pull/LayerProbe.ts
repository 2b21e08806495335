import { type Digest, shortDigest } from "@registry-packages-proxy/oci/Digest"
import { Effect, Option } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import * as Body from "../wire/Body.ts"
import type { SendRequest } from "./RegistryRequest.ts"
import * as Limits from "../wire/Limits.ts"
import type { PullFailure } from "../wire/PullFailure.ts"
import { discard } from "../wire/SendOnce.ts"

const ok: ReadonlySet<number> = new Set([200])
const fullOrPartial: ReadonlySet<number> = new Set([200, 206])

/** Returns the complete length in a Content-Range. Source: RFC 9110, section 14.4. */
const completeLength = (response: HttpClientResponse.HttpClientResponse): Option.Option<number> =>
  Option.flatMap(Headers.get(response.headers, "content-range"), (range) => {
    const size = /^bytes [\d*-]+\/(\d{1,16})$/i.exec(range)?.[1]
    return size === undefined ? Option.none() : Option.some(Number(size))
  })

const headers = { accept: "*/*" } as const

/**
 * True if a GET may succeed after this failure of a HEAD. The server may not support HEAD, or the URL may be signed
 * only for GET.
 */
const isHeadRefusal = ({ reason, isRetryable }: PullFailure): boolean =>
  reason._tag === "AddressRefused" ||
  (reason._tag === "UnexpectedStatus" && (!isRetryable || reason.status === 501))

/**
 * Makes two functions that determine the size of a layer. `sizeFromRegistry` asks the registry. `countBytes` reads the
 * layer. Both fail with `TimedOut` at the deadline.
 */
export const make = (sendRequest: SendRequest) => {
  const head = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const request = { operation: "blob", method: "HEAD", path: `blobs/${digest}`, headers } as const
    const received = yield* sendRequest(repository, request, ok)
    yield* discard(received)
    return Body.contentLength(received.response)
  })

  const firstByte = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const request = {
      operation: "blob",
      path: `blobs/${digest}`,
      headers: { ...headers, range: "bytes=0-0" }
    } as const
    const received = yield* sendRequest(repository, request, fullOrPartial)
    // The server ignored the range. The body is not read, and the connection is closed with the scope.
    if (received.response.status === 200) return Body.contentLength(received.response)
    yield* discard(received)
    return completeLength(received.response)
  })

  /**
   * Returns the size of the blob in bytes. None if the registry gives no size. Sends a HEAD. If HEAD is refused or the
   * response has no length, sends a GET for the first byte. Fails with `BlobNotFound` if the registry has no such blob.
   */
  const sizeFromRegistry = (
    repository: Repository,
    digest: Digest,
    deadlineMillis: number
  ): Effect.Effect<Option.Option<number>, PullFailure> =>
    head(repository, digest).pipe(
      Effect.catchIf(isHeadRefusal, () => Effect.succeed(Option.none<number>())),
      Effect.flatMap((size) => (Option.isSome(size) ? Effect.succeed(size) : firstByte(repository, digest))),
      Effect.scoped,
      (size) => Attempts.retryUntilFirstByte(size, deadlineMillis)
    )

  const whole = Effect.fnUntraced(function* (repository: Repository, digest: Digest) {
    const request = { operation: "blob", path: `blobs/${digest}`, headers } as const
    const name = `the layer ${shortDigest(digest)}, whose size neither the manifest nor the registry says,`
    return yield* Body.countBytes(yield* sendRequest(repository, request, ok), Limits.maxCountedLayer, name)
  }, Effect.scoped)

  /**
   * Reads the whole blob and returns the number of its bytes. Fails if the blob exceeds {@link Limits.maxCountedLayer}.
   * Does not verify the digest, because the later pull of the package does this.
   */
  const countBytes = (
    repository: Repository,
    digest: Digest,
    deadlineMillis: number
  ): Effect.Effect<number, PullFailure> =>
    Attempts.retryUntilFirstByte(whole(repository, digest), deadlineMillis)

  return { sizeFromRegistry, countBytes } as const
}
