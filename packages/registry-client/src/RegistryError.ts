import { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import { Schema } from "effect"

/** The registry has no such manifest or repository (404 to a manifest request). */
export class ManifestNotFound extends Schema.TaggedError<ManifestNotFound>()("ManifestNotFound", {}) {}

/** The manifest exists, the layer's blob it names does not (404 to a blob request). */
export class BlobNotFound extends Schema.TaggedError<BlobNotFound>()("BlobNotFound", {}) {}

/** The registry or its token service refused our credentials (401 or 403), or they are in their cool-down. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Int }) {}

/** 429 or 503 after all attempts, or one whose Retry-After leaves no time for another; `retryAfter` in seconds. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  status: Schema.Int,
  retryAfter: Schema.OptionFromUndefinedOr(Schema.Int)
}) {}

/** A status that answers nothing: 5xx other than 503 after all attempts, or one the protocol does not use here. */
export class UnexpectedStatus extends Schema.TaggedError<UnexpectedStatus>()("UnexpectedStatus", {
  status: Schema.Int
}) {}

/** No connection, or one that broke. `detail` is one sentence and holds no secret. */
export class ConnectionFailed extends Schema.TaggedError<ConnectionFailed>()("ConnectionFailed", {
  kind: Schema.Literals(["refused", "reset", "dns", "certificate", "proxy", "other"]),
  detail: Schema.String
}) {}

/** The registry took too long in this phase; `proxy`: the proxy on the way to it did. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {
  phase: Schema.Literals(["connect", "proxy", "headers", "body", "attempts"])
}) {}

/** More redirects than are followed, or one that leads nowhere. */
export class BadRedirect extends Schema.TaggedError<BadRedirect>()("BadRedirect", {
  detail: Schema.String
}) {}

/** An answer that is no answer: wrong digest or size, endless, malformed. `detail` is one sentence. */
export class InvalidResponse extends Schema.TaggedError<InvalidResponse>()("InvalidResponse", {
  detail: Schema.String
}) {}

/** A pull that failed, and why. `registry` is the host as configured. */
export class RegistryError extends Schema.TaggedError<RegistryError>()("RegistryError", {
  registry: Schema.String,
  reason: Schema.Union([
    ManifestNotFound,
    BlobNotFound,
    Refused,
    Unavailable,
    UnexpectedStatus,
    ConnectionFailed,
    TimedOut,
    BadRedirect,
    InvalidResponse,
    ManifestError
  ])
}) {}
