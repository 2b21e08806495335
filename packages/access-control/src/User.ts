import { createHash } from "node:crypto"
import { Schema } from "effect"

/** Who a request is from, as Kubernetes names users. */
export class User extends Schema.Class<User>("User")({
  name: Schema.NonEmptyString,
  /** Empty where the authenticator gives none. */
  uid: Schema.String,
  groups: Schema.Array(Schema.String),
  /** What else an authenticator knows, for authorizers that look at it. */
  extra: Schema.Record(Schema.String, Schema.Array(Schema.String))
}) {
  #fingerprint: string | undefined

  /** Equal for equal users; a hash, so that it may be a key where the user is not to be held. */
  get fingerprint(): string {
    this.#fingerprint ??= createHash("sha256")
      .update(JSON.stringify([this.name, this.uid, this.groups, Object.entries(this.extra)]))
      .digest("base64url")
    return this.#fingerprint
  }
}

/** The group of everyone whom Kubernetes authenticated. */
export const authenticatedGroup = "system:authenticated"
