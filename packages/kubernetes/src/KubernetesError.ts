import { Option, Schema } from "effect"

/** The API server gave no answer of use: network, timeout, 429 or 5xx. Asking again later may help. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  detail: Schema.String,
  /** How long it asked us to wait, in milliseconds. */
  retryAfter: Schema.Option(Schema.Number)
}) {}

/** The API server knows us and says no (403), or does not know us (401). */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  status: Schema.Literals([401, 403]),
  detail: Schema.String
}) {}

/** There is no such object, or no such kind (404). */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  detail: Schema.String
}) {}

/** The resource version is no longer kept (410): what is there has to be read anew. */
export class Gone extends Schema.TaggedError<Gone>()("Gone", {
  detail: Schema.String
}) {}

/** The request was refused as wrong (another 4xx), or the answer cannot be read. */
export class Invalid extends Schema.TaggedError<Invalid>()("Invalid", {
  detail: Schema.String
}) {}

/** Why the API server did not do what it was asked to; no text holds a value of an object or a credential. */
export class KubernetesError extends Schema.TaggedError<KubernetesError>()("KubernetesError", {
  reason: Schema.Union([Unreachable, Forbidden, NotFound, Gone, Invalid])
}) {
  override get message(): string {
    return this.reason.detail
  }
}

/** The error of a server that cannot be reached now. */
export const unreachable = (
  detail: string,
  retryAfter: Option.Option<number> = Option.none()
): KubernetesError => new KubernetesError({ reason: new Unreachable({ detail, retryAfter }) })

/** The error of a request or an answer that is wrong. */
export const invalid = (detail: string): KubernetesError =>
  new KubernetesError({ reason: new Invalid({ detail }) })
