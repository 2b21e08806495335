import { Option, Schema } from "effect"

type Json = Readonly<Record<string, unknown>>

/** Whose a token is, as a TokenReview says it. */
export interface KubeApiUser {
  readonly username: string
  readonly uid?: string
  readonly groups?: ReadonlyArray<string>
}

const decodeToken = Schema.decodeUnknownOption(
  Schema.Struct({ spec: Schema.Struct({ token: Schema.String }) })
)

const Access = Schema.Struct({
  user: Schema.optionalKey(Schema.String),
  groups: Schema.optionalKey(Schema.Array(Schema.String)),
  resourceAttributes: Schema.Record(Schema.String, Schema.String)
})

/** What a SubjectAccessReview asks. */
export type KubeApiAccess = typeof Access.Type

const decodeAccess = Schema.decodeUnknownOption(Schema.Struct({ spec: Access }))

/** Who is who and who may what, as the reviews answer it. */
export class KubeApiReviews {
  readonly users = new Map<string, KubeApiUser>()
  /** Nobody may anything unless told. */
  allows: (access: KubeApiAccess) => boolean = () => false

  /** The object with its `status`; undefined where it is no such review. */
  tokenReview(review: unknown): Json | undefined {
    const spec = Option.getOrUndefined(decodeToken(review))?.spec
    if (spec === undefined) return undefined
    const user = this.users.get(spec.token)
    const status =
      user === undefined
        ? { authenticated: false, user: {}, error: "unknown token" }
        : { authenticated: true, user }
    // The real one repeats the token too.
    return { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec, status }
  }

  /** The object with its `status`; undefined where it is no such review. */
  subjectAccessReview(review: unknown): Json | undefined {
    const spec = Option.getOrUndefined(decodeAccess(review))?.spec
    if (spec === undefined) return undefined
    const status = { allowed: this.allows(spec), reason: "the test says so" }
    return { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec, status }
  }
}
