import * as SecureProgram from "./SecureProgram.ts"
import * as SidecarProgram from "./SidecarProgram.ts"

/** Who asks: whoever may fetch packages, whom Kubernetes knows but may not, and whom it does not know. */
export type Who = "allowed" | "denied" | "nobody"

/** Where the modes answer differently; what is not here, they answer alike. docs/security.md has it in words. */
export interface Answers {
  /** Whether /metrics needs a right of its own, not that for packages. */
  readonly metricsAreApart: boolean
  /** To methods other than GET, from whoever may GET. */
  readonly head: number
  readonly post: number
  readonly unknownPath: Readonly<Record<Who, ReadonlyArray<number>>>
  /** To a path with empty or dot segments, of which the program has none. */
  readonly uncleanPath: ReadonlyArray<number>
  readonly refusal: { readonly type: string; readonly challenge: string | undefined }
  /** While nobody can be asked, to callers of whom nothing is known: whose token, and whose access. */
  readonly unknownToken: number
  readonly unknownAccess: number
  /** Whether what the API server once said stands while it is down, after it would have been asked again. */
  readonly outlastsOutages: boolean
  /** SubjectAccessReviews, at most, for 40 first requests of one caller. */
  readonly reviewsOfForty: number
}

interface AccessMode {
  readonly name: string
  readonly start: typeof SecureProgram.start | typeof SidecarProgram.start
  readonly answers: Answers
}

const builtIn: AccessMode = {
  name: "built in",
  start: SecureProgram.start,
  answers: {
    metricsAreApart: true,
    head: 200,
    post: 405,
    unknownPath: { allowed: [404], denied: [404], nobody: [404] },
    uncleanPath: [404],
    refusal: { type: "application/problem+json", challenge: "Bearer" },
    unknownToken: 503,
    unknownAccess: 503,
    outlastsOutages: true,
    reviewsOfForty: 1
  }
}

const sidecar: AccessMode = {
  name: "behind kube-rbac-proxy",
  start: SidecarProgram.start,
  answers: {
    metricsAreApart: false,
    head: 403,
    post: 403,
    // 400 from versions since mid-2026, where the path is unclean once it is decoded, or ends in a slash.
    unknownPath: { allowed: [404, 400], denied: [403, 400], nobody: [401, 400] },
    // Sent to the clean path; 307 from Go 1.26 on.
    uncleanPath: [301, 307],
    refusal: { type: "text/plain; charset=utf-8", challenge: undefined },
    unknownToken: 401,
    unknownAccess: 500,
    outlastsOutages: false,
    reviewsOfForty: 40
  }
}

/** The two modes of access control that the program supports. */
export const modes: ReadonlyArray<AccessMode> = [builtIn, sidecar]
