import { Duration } from "effect"

/** The time from a request to the headers of its response. */
export const headersTimeout = Duration.seconds(30)
/** The longest silence of a body. */
export const bodyIdleTimeout = Duration.seconds(30)
/** Attempts before the first byte, the first one included. */
export const maxAttempts = 4
/** The time for all attempts before the first byte together. */
export const attemptsBudget = Duration.seconds(45)
/** Consecutive resumes without a byte. */
export const maxResumes = 5
/** The delay before the first resume; each further resume doubles it. */
export const firstResumeDelay = Duration.millis(100)
export const maxResumeDelay = Duration.seconds(5)
/** A connection that brought this number of bytes is resumed at once, and resets the delay. */
export const resumeProgress = 64 * 1024
/** The longest Retry-After that is obeyed. */
export const maxRetryAfter = Duration.hours(1)
/** Redirects for one response; as in Go's http.Client. */
export const maxRedirects = 10
/** Requests for one response: redirects, logins and retries after them. Token requests do not count. */
export const maxTurns = 16
/** The most changes of a registry's challenge during one request. */
export const maxChallengeChanges = 2
/** Content codings of one response. */
export const maxCodings = 3
/** The largest manifest, in bytes; distribution-spec recommends it as a limit to registries. */
export const maxManifestSize = 4 * 1024 * 1024
/** Parsed manifests from this size on (in bytes) are cached. */
export const largeManifestSize = 64 * 1024
export const maxLargeManifests = 4
export const largeManifestLife = Duration.seconds(10)
/** The largest response of a token service, in bytes. */
export const maxTokenResponse = 1024 * 1024
/** The largest layer that is read to count its bytes, in bytes. */
export const maxCountedLayer = 256 * 1024 * 1024
/** The most bytes of a discarded body that are drained, so that its connection can be reused. */
export const maxDrained = 64 * 1024
/** The time for draining a discarded body. */
export const drainTimeout = Duration.seconds(1)
/** The time for which refused credentials are not sent again. */
export const coolDownTime = Duration.seconds(10)
/** Entries of each cache: tokens, challenges, refused credentials. */
export const maxCacheEntries = 1024
/** The lifetime of a token whose service gives none. Source: distribution, token specification. */
export const defaultTokenLife = Duration.seconds(60)
/** The longest time for which a token is reused. */
export const maxTokenLife = Duration.days(1)
