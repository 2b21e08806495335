import { Duration } from "effect"

/** The maximum time from a request to the headers of its response. */
export const headersTimeout = Duration.seconds(30)
/** The maximum time to wait for the next bytes of a body. */
export const bodyIdleTimeout = Duration.seconds(30)
/**
 * The maximum number of attempts of an operation, including the first attempt. Does not limit the resumes of a body.
 */
export const maxAttempts = 4
/**
 * The maximum time from the start of an operation until its first byte is received. Includes all attempts. For a resume
 * of a body, it is the maximum time from the start of the resume to the start of its last attempt.
 */
export const totalAttemptsTimeout = Duration.seconds(45)
/** The maximum number of consecutive resumes that deliver no byte of a body. */
export const maxResumes = 5
/** The delay before the first resume. Each further resume doubles the delay, up to {@link maxResumeDelay}. */
export const firstResumeDelay = Duration.millis(100)
export const maxResumeDelay = Duration.seconds(5)
/**
 * If a connection delivers at least this number of bytes and then breaks, the body is resumed without delay. The delays
 * before later resumes begin again at {@link firstResumeDelay}.
 */
export const resumeProgress = 64 * 1024
/** The maximum delay from a Retry-After field. A longer delay is reduced to this maximum. */
export const maxRetryAfter = Duration.hours(1)
/** The maximum number of redirects for one response. */
export const maxRedirects = 10
/**
 * The maximum number of requests to get one response, including the requests after redirects and refusals. Token
 * requests and pings do not count.
 */
export const maxRequests = 16
/** The maximum number of times that the client accepts a changed challenge of a registry during one request. */
export const maxChallengeChanges = 2
/** The maximum number of content codings that are decoded in one response. */
export const maxCodings = 3
/** The maximum size of a manifest, in bytes. distribution-spec recommends this limit to registries. */
export const maxManifestSize = 4 * 1024 * 1024
/** The minimum size, in bytes, of a manifest whose parsing result is cached. */
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
/**
 * If the registry or its token service refuses credentials with 401 and no retry is possible, the credentials are
 * not sent again for this time.
 */
export const coolDownTime = Duration.seconds(10)
/** The maximum number of entries of each cache, for example of tokens or challenges. */
export const maxCacheEntries = 1024
/** The lifetime of a token if the token service does not state one. Source: distribution, token specification. */
export const defaultTokenLife = Duration.seconds(60)
/** The maximum time for which a token is reused. */
export const maxTokenLife = Duration.days(1)
