import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import { Option, Schema } from "effect"
import { AwaitedObjects } from "./feeds/Feed.ts"

/** No source was found, but some feeds have not delivered their objects yet. `waitingFor` names these objects. */
export class NotSynced extends Schema.TaggedError<NotSynced>()("NotSynced", {
  waitingFor: Schema.Array(AwaitedObjects)
}) {
  override get message(): string {
    return `registry credentials are not read yet; waiting for ${this.waitingFor.join(", ")}`
  }
}

/**
 * No feed has an object for `repository`, or for the cluster's own registry if `repository` is none. If `upToDate` is
 * false, some feed cannot read its file or API server now. That file or API server may have an object for `repository`.
 */
export class UnknownRepository extends Schema.TaggedError<UnknownRepository>()("UnknownRepository", {
  repository: Schema.OptionFromUndefinedOr(RepositoryKey),
  upToDate: Schema.Boolean
}) {
  override get message(): string {
    const subject = Option.match(this.repository, {
      onNone: () => "the cluster's own registry",
      onSome: (repository) => `repository ${repository}`
    })
    return `there are no credentials for ${subject}${this.upToDate ? "" : "; a feed is out of touch"}`
  }
}

/**
 * The object `sourceObject` names the repository, but cannot be used. Either the object is invalid and no earlier
 * version was valid, or its credential for the requested path is invalid. `detail` contains no value of the object.
 */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  sourceObject: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the credentials in ${this.sourceObject} cannot be read: ${this.detail}`
  }
}

/** The store has no valid `RegistrySource` (a registry and its credential) for a repository, or has not read it yet. */
export class CredentialError extends Schema.TaggedError<CredentialError>()("CredentialError", {
  reason: Schema.Union([NotSynced, UnknownRepository, Unreadable])
}) {
  override get message(): string {
    return this.reason.message
  }
}
