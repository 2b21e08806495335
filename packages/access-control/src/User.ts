import { createHash } from "node:crypto"
import { Schema } from "effect"

/** The user of a request, with the fields of Kubernetes' UserInfo. */
export class User extends Schema.Class<User>("User")({
  name: Schema.NonEmptyString,
  /** Empty if the user has no UID. The user of a client certificate has none. */
  uid: Schema.String,
  groups: Schema.Array(Schema.String),
  /** Further attributes of the user. Authorizers may use them in their decisions. */
  extra: Schema.Record(Schema.String, Schema.Array(Schema.String))
}) {
  #fingerprint: string | undefined

  /** A SHA-256 hash of all fields, for the keys of caches. */
  get fingerprint(): string {
    this.#fingerprint ??= createHash("sha256")
      .update(JSON.stringify([this.name, this.uid, this.groups, Object.entries(this.extra)]))
      .digest("base64url")
    return this.#fingerprint
  }
}

/** The group that Kubernetes adds to every authenticated user. */
export const authenticatedGroup = "system:authenticated"
