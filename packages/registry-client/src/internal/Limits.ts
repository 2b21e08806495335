/** How long one answer's head may take, from the request to its headers. */
export const headersTimeout = "30 seconds"
/** How long a body may give nothing while it is being waited for, in milliseconds. */
export const bodyIdleTimeout = 30_000
/** Attempts before the first byte, the first included. */
export const maxAttempts = 4
/** How long all attempts before the first byte may take together, in milliseconds. */
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
/** Redirects followed for one answer. */
export const maxRedirects = 5
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
/** How much of a body nobody needs is read so that its connection can be used again, in bytes. */
export const maxDiscarded = 64 * 1024
/** How long that may take. */
export const discardTimeout = "1 second"
/** How long refused credentials are not tried again. */
export const coolDown = "10 seconds"
/** Tokens, challenges and cool-downs remembered, each. */
export const maxRemembered = 1024
/** How long a token lives whose service does not say, in seconds. Source: distribution, token specification. */
export const defaultTokenLife = 60
/** The longest a token is reused, in seconds. */
export const maxTokenLife = 24 * 60 * 60
