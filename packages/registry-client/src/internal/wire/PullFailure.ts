import { Data, Duration, Option } from "effect"
import { Headers } from "effect/http"
import {
  BlobNotFound,
  InvalidResponse,
  ManifestNotFound,
  type OtherServer,
  type RegistryError,
  Unavailable,
  UnexpectedStatus
} from "../../RegistryError.ts"
import * as Limits from "./Limits.ts"

export type Operation = "ping" | "manifest" | "blob" | "token"
export type Reason = RegistryError["reason"]

/** A request that failed: why, and whether (and how soon) another try may help. */
export class PullFailure extends Data.TaggedError("PullFailure")<{
  readonly reason: Reason
  readonly retryable: boolean
  /** The wait that the answer asks for. */
  readonly retryAfter: Option.Option<Duration.Duration>
}> {}

/** A failure that another try does not mend. */
export const final = (reason: Reason): PullFailure =>
  new PullFailure({ reason, retryable: false, retryAfter: Option.none() })

/** A failure that another try may mend. */
export const passing = (reason: Reason): PullFailure =>
  new PullFailure({ reason, retryable: true, retryAfter: Option.none() })

/** The `by` of a reason; none for the registry itself. */
export const byOf = (server: OtherServer | undefined) => (server === undefined ? {} : { by: server })

export const invalid = (detail: string, server?: OtherServer): PullFailure =>
  final(new InvalidResponse({ detail, ...byOf(server) }))

const delayOf = (headers: Headers.Headers, now: number): Option.Option<Duration.Duration> =>
  Headers.get(headers, "retry-after").pipe(
    Option.flatMap((value) => Option.getSuccess(Headers.parseRetryAfter(value))),
    Option.map((retryAfter) =>
      Duration.min(Headers.retryAfterDelay(retryAfter, now), Duration.seconds(Limits.maxRetryAfter))
    )
  )

/** The registry, or the server it redirects to, has no such thing. */
export const notFound = (operation: "manifest" | "blob", server: OtherServer | undefined): PullFailure =>
  final(operation === "manifest" ? new ManifestNotFound(byOf(server)) : new BlobNotFound(byOf(server)))

// RFC 9110 says "at least": a fraction is rounded up.
const toWholeSeconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

/** The meaning of a status that is neither a refusal nor 404; `now` in milliseconds since the epoch. */
export const fromStatus = (
  status: number,
  headers: Headers.Headers,
  now: number,
  server: OtherServer | undefined
): PullFailure => {
  const retryAfter = delayOf(headers, now)
  const reason =
    status === 429 || status === 503
      ? new Unavailable({ status, retryAfter: Option.map(retryAfter, toWholeSeconds), ...byOf(server) })
      : new UnexpectedStatus({ status, ...byOf(server) })
  return new PullFailure({ reason, retryable: status === 408 || status === 429 || status >= 500, retryAfter })
}
