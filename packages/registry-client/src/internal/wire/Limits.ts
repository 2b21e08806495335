import { Duration } from "effect"

/** The maximum time from a request to the headers of its response. */
export const headersTimeout = Duration.seconds(30)
/** The maximum time to wait for the next bytes of a body. */
export const bodyIdleTimeout = Duration.seconds(30)
/** The maximum number of attempts before the first byte, including the first attempt. */
export const maxAttempts = 4
/** The maximum total time of all attempts before the first byte. */
export const totalAttemptsTimeout = Duration.seconds(45)
/** The maximum number of consecutive resumes without a received byte. */
export const maxResumes = 5
/** The delay before the first resume. Each further resume doubles the delay, up to {@link maxResumeDelay}. */
export const firstResumeDelay = Duration.millis(100)
export const maxResumeDelay = Duration.seconds(5)
/**
 * After a connection that delivered at least this number of bytes, the body is resumed at once and the delay is reset.
 */
export const resumeProgress = 64 * 1024
/** The maximum for Retry-After. A larger value is reduced to this maximum. */
export const maxRetryAfter = Duration.hours(1)
/** The maximum number of redirects for one response. */
export const maxRedirects = 10
/**
 * The maximum number of requests to get one response, including the requests after redirects and refusals. Token
 * requests and pings do not count.
 */
export const maxRequests = 16
/** The maximum number of changes of a registry's challenge during one request. */
export const maxChallengeChanges = 2
/** The maximum number of content codings of one response. */
export const maxCodings = 3
/** The maximum size of a manifest, in bytes. distribution-spec recommends this limit to registries. */
export const maxManifestSize = 4 * 1024 * 1024
/** The minimum size of a manifest whose parsed form is cached, in bytes. */
export const largeManifestSize = 64 * 1024
export const maxLargeManifests = 4
export const largeManifestLife = Duration.seconds(10)
/** The maximum size of a token service's response, in bytes. */
export const maxTokenResponse = 1024 * 1024
/** The maximum size, in bytes, of a layer that is read only to count its bytes. */
export const maxCountedLayer = 256 * 1024 * 1024
/** The maximum number of bytes that are drained from a discarded body, so that its connection can be reused. */
export const maxDrained = 64 * 1024
/** The maximum time to drain a discarded body. */
export const drainTimeout = Duration.seconds(1)
/** The time for which refused credentials are not sent again. */
export const coolDownTime = Duration.seconds(10)
/** The maximum number of entries of each cache: tokens, challenges, refusals of credentials. */
export const maxCacheEntries = 1024
/** The lifetime of a token if the token service does not state one. Source: distribution, token specification. */
export const defaultTokenLife = Duration.seconds(60)
/** The maximum time for which a token is reused. */
export const maxTokenLife = Duration.days(1)
