/** The time for one answer's head, from the request to its headers. */
export const headersTimeout = "30 seconds"
/** The longest silence of a body that is waited for, in milliseconds. */
export const bodyIdleTimeout = 30_000
/** Attempts before the first byte, the first included. */
export const maxAttempts = 4
/** The time for all attempts before the first byte together, in milliseconds. */
export const attemptsBudget = 45_000
/** Resumes in a row that bring no byte. */
export const maxResumes = 5
/** The wait before a resume, in milliseconds: the first, which doubles with each resume up to the longest. */
export const firstResumeDelay = 100
export const maxResumeDelay = 5_000
/** A connection that brought so many bytes is resumed at once, and the waits begin anew. */
export const resumeProgress = 64 * 1024
/** The longest wait a Retry-After can ask for, in seconds. */
export const maxRetryAfter = 60 * 60
/** Redirects followed for one answer; Go's http.Client stops at the tenth. */
export const maxRedirects = 10
/** Requests sent for one question: redirects, logins and what they are tried again for. Tokens are not counted. */
export const maxTurns = 16
/** Demands to log in another way that are followed for one question. */
export const maxDemands = 2
/** Content codings undone for one answer. */
export const maxCodings = 3
/** The largest manifest read, in bytes; what the distribution-spec advises registries to accept. */
export const maxManifestSize = 4 * 1024 * 1024
/** Manifests of so many bytes or more are kept, read, for a moment: equal ones are read once. */
export const largeManifestSize = 64 * 1024
export const maxLargeManifests = 4
export const largeManifestLife = "10 seconds"
/** The largest answer of a token service read, in bytes. */
export const maxTokenAnswer = 1024 * 1024
/** The largest layer that is read to learn its size, in bytes, where neither its manifest nor the registry says it. */
export const maxCountedLayer = 256 * 1024 * 1024
/** The most bytes of an unneeded body that are read so that its connection can be used again. */
export const maxDiscarded = 64 * 1024
/** The time for reading them. */
export const discardTimeout = "1 second"
/** The time for which refused credentials are not sent again. */
export const coolDown = "10 seconds"
/** Tokens, challenges and cool-downs remembered, each. */
export const maxRemembered = 1024
/** The life of a token whose service gives none, in seconds. Source: distribution, token specification. */
export const defaultTokenLife = 60
/** The longest a token is reused, in seconds. */
export const maxTokenLife = 24 * 60 * 60
