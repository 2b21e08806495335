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

/** The reason of a failed pull. One of the errors in `RegistryError.reason`. */
export type Reason = RegistryError["reason"]

/** A failed request, and whether a retry may succeed. */
export class PullFailure extends Data.TaggedError("PullFailure")<{
  readonly reason: Reason
  readonly isRetryable: boolean
  /** The Retry-After of the response, at most {@link Limits.maxRetryAfter}. */
  readonly retryAfter: Option.Option<Duration.Duration>
}> {
  override get message(): string {
    return this.reason.message
  }
}

/** Makes a failure that must not be retried. */
export const permanent = (reason: Reason): PullFailure =>
  new PullFailure({ reason, isRetryable: false, retryAfter: Option.none() })

/** Makes a failure that may be retried. Has no Retry-After. */
export const retryable = (reason: Reason): PullFailure =>
  new PullFailure({ reason, isRetryable: true, retryAfter: Option.none() })

/** Returns an object with the field `otherServer`. Returns an empty object if `otherServer` is undefined. */
export const otherServerField = (otherServer: OtherServer | undefined) =>
  otherServer === undefined ? {} : { otherServer }

/** Makes the failure for a response that cannot be used. This failure is not retried. */
export const invalidResponse = (detail: string, otherServer?: OtherServer): PullFailure =>
  permanent(new InvalidResponse({ detail, ...otherServerField(otherServer) }))

const delayOf = (headers: Headers.Headers, now: number): Option.Option<Duration.Duration> =>
  Headers.get(headers, "retry-after").pipe(
    Option.flatMap((value) => Option.getSuccess(Headers.parseRetryAfter(value))),
    Option.map((retryAfter) => Duration.min(Headers.retryAfterDelay(retryAfter, now), Limits.maxRetryAfter))
  )

/** Makes the failure for a 404 response. This failure is not retried. */
export const notFound = (operation: "manifest" | "blob", otherServer: OtherServer | undefined): PullFailure =>
  permanent(
    operation === "manifest"
      ? new ManifestNotFound(otherServerField(otherServer))
      : new BlobNotFound(otherServerField(otherServer))
  )

// RFC 9110 says "at least", so a fraction is rounded up.
const toWholeSeconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

/**
 * Makes the failure for an error response. Only 408, 429 and 5xx are retried. `now` is in milliseconds since the epoch.
 */
export const fromStatus = (
  status: number,
  headers: Headers.Headers,
  now: number,
  otherServer: OtherServer | undefined
): PullFailure => {
  const retryAfter = delayOf(headers, now)
  const reason =
    status === 429 || status === 503
      ? new Unavailable({
          status,
          retryAfter: Option.map(retryAfter, toWholeSeconds),
          ...otherServerField(otherServer)
        })
      : new UnexpectedStatus({ status, ...otherServerField(otherServer) })
  return new PullFailure({
    reason,
    isRetryable: status === 408 || status === 429 || status >= 500,
    retryAfter
  })
}
