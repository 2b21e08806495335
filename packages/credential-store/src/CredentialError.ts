import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import { Schema } from "effect"
import { Awaited } from "./feeds/Feed.ts"

/** Not every feed has delivered yet, and the repository is not among what is known; `waitingFor` says what they are to bring. */
export class NotSynced extends Schema.TaggedError<NotSynced>()("NotSynced", {
  waitingFor: Schema.Array(Awaited)
}) {}

/** No object names this repository. `upToDate` is false while a feed is out of touch, when one may exist unseen. */
export class UnknownRepository extends Schema.TaggedError<UnknownRepository>()("UnknownRepository", {
  repository: Schema.OptionFromUndefinedOr(RepositoryKey),
  upToDate: Schema.Boolean
}) {}

/** The object that names this repository cannot be read, and never could. `detail` shows none of its values. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  origin: Schema.String,
  detail: Schema.String
}) {}

/** Why the store has no source for a repository. */
export class CredentialError extends Schema.TaggedError<CredentialError>()("CredentialError", {
  reason: Schema.Union([NotSynced, UnknownRepository, Unreadable])
}) {}
