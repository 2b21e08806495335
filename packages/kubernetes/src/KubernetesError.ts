import { type Duration, Option, Schema } from "effect"

/**
 * The API server cannot be reached or cannot respond now: network error, timeout, unusable credentials, 408, 429 or
 * 5xx. Retry later.
 */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  detail: Schema.String,
  /** The delay that the server requested. None if it requested no delay. */
  retryAfter: Schema.Option(Schema.Duration)
}) {
  override get message(): string {
    return this.detail
  }
}

/** The API server rejects the client's credentials (401) or does not allow the request (403). */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  status: Schema.Literals([401, 403]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** The object or its kind does not exist (404). */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** The resource version has expired (410). List the resource again. */
export class Gone extends Schema.TaggedError<Gone>()("Gone", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/**
 * The API server answered with a status that no other error class covers, such as 409 or 422, or its response cannot be
 * read.
 */
export class Invalid extends Schema.TaggedError<Invalid>()("Invalid", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** A request to the API server failed. The messages contain no credentials and no values of objects. */
export class KubernetesError extends Schema.TaggedError<KubernetesError>()("KubernetesError", {
  reason: Schema.Union([Unreachable, Forbidden, NotFound, Gone, Invalid])
}) {
  override get message(): string {
    return this.reason.message
  }
}

/** Makes a `KubernetesError` with the reason `Unreachable`. */
export const unreachable = (
  detail: string,
  retryAfter: Option.Option<Duration.Duration> = Option.none()
): KubernetesError => new KubernetesError({ reason: new Unreachable({ detail, retryAfter }) })

/** Makes a `KubernetesError` with the reason `Invalid`. */
export const invalid = (detail: string): KubernetesError =>
  new KubernetesError({ reason: new Invalid({ detail }) })
