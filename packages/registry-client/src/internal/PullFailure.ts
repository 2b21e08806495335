import { Data, Duration, Option } from "effect"
import { Headers } from "effect/http"
import {
  BlobNotFound,
  InvalidResponse,
  ManifestNotFound,
  Refused,
  type RegistryError,
  Unavailable,
  UnexpectedStatus
} from "../RegistryError.ts"

export type Operation = "manifest" | "blob" | "token"
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

export const invalid = (detail: string): PullFailure => final(new InvalidResponse({ detail }))

const delayOf = (headers: Headers.Headers, now: number): Option.Option<Duration.Duration> =>
  Option.map(
    Option.flatMap(Headers.get(headers, "retry-after"), (value) =>
      Option.getSuccess(Headers.parseRetryAfter(value))
    ),
    (retryAfter) => Headers.retryAfterDelay(retryAfter, now)
  )

const notFound = (operation: Operation): Reason => {
  switch (operation) {
    case "manifest":
      return new ManifestNotFound({})
    case "blob":
      return new BlobNotFound({})
    case "token":
      return new UnexpectedStatus({ status: 404 })
  }
}

// RFC 9110 says "at least": a fraction is rounded up.
const toWholeSeconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

/** What a status other than the one asked for means; `now` in milliseconds since the epoch. */
export const fromStatus = (
  operation: Operation,
  status: number,
  headers: Headers.Headers,
  now: number
): PullFailure => {
  if (status === 401 || status === 403) return final(new Refused({ status }))
  if (status === 404) return final(notFound(operation))
  const retryAfter = delayOf(headers, now)
  const reason =
    status === 429 || status === 503
      ? new Unavailable({ status, retryAfter: Option.map(retryAfter, toWholeSeconds) })
      : new UnexpectedStatus({ status })
  return new PullFailure({ reason, retryable: status === 408 || status === 429 || status >= 500, retryAfter })
}
