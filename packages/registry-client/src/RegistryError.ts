import { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import { Option, Schema } from "effect"

/**
 * A server other than the registry. The role `redirect` is the registry's redirect target, `token` is its token
 * service, and `token redirect` is the token service's redirect target.
 */
export const OtherServer = Schema.Struct({
  role: Schema.Literals(["redirect", "token", "token redirect"]),
  host: Schema.String
})
export type OtherServer = typeof OtherServer.Type

/** The server that failed, if it is not the registry itself. */
const otherServer = Schema.optionalKey(OtherServer)

/**
 * Describes a server in a message, for example as `<host>, the token service of <registry>,`. Returns `registry` if
 * `server` is undefined.
 */
const nameOf = (registry: string, server: OtherServer | undefined): string => {
  switch (server?.role) {
    case "redirect":
      return `${server.host}, to which ${registry} redirects,`
    case "token":
      return `${server.host}, the token service of ${registry},`
    case "token redirect":
      return `${server.host}, to which the token service of ${registry} redirects,`
    case undefined:
      return registry
  }
}

// The message of a reason is a verb phrase. RegistryError puts the server's name before the message.

/** The registry, or its redirect target, responded 404 to a request for a manifest. */
export class ManifestNotFound extends Schema.TaggedError<ManifestNotFound>()("ManifestNotFound", {
  otherServer,
  /** True if the request had no login. Some registries respond 404 to such requests for private repositories. */
  isAnonymous: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return this.isAnonymous === true
      ? "has no such manifest or repository, or hides it from requests without a login"
      : "has no such manifest or repository"
  }
}

/** The registry, or its redirect target, responded 404 to a request for the layer's blob. */
export class BlobNotFound extends Schema.TaggedError<BlobNotFound>()("BlobNotFound", { otherServer }) {
  override get message(): string {
    return this.otherServer === undefined
      ? "has the manifest but not the layer it names"
      : "does not have the layer"
  }
}

/**
 * The registry responded 401 or 403 to the credentials or their token. For 10 seconds after a 401 without
 * `insufficient_scope`, pulls with these credentials fail with the same error, and the credentials are not sent.
 */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Int }) {
  override get message(): string {
    return `refused our credentials (${this.status})`
  }
}

/** The registry refused a request that carried no credentials (401 or 403). */
export class AnonymousRefused extends Schema.TaggedError<AnonymousRefused>()("AnonymousRefused", {
  status: Schema.Int,
  /** True if only an identity token is configured, and the registry does not accept identity tokens. */
  hasOnlyIdentityToken: Schema.Boolean
}) {
  override get message(): string {
    return this.hasOnlyIdentityToken
      ? `asks for a name and a password, and only an identity token is configured (${this.status})`
      : `refused a request without a login (${this.status})`
  }
}

/**
 * The registry redirected to a server that responded 401 or 403 without a challenge. For example, the signature in the
 * URL has expired.
 */
export class AddressRefused extends Schema.TaggedError<AddressRefused>()("AddressRefused", {
  status: Schema.Int,
  otherServer: OtherServer
}) {
  override get message(): string {
    return `refused the address (${this.status}): it has expired, was changed on the way, or nothing is there`
  }
}

/**
 * The registry redirects to a server that requires other credentials. The client has no credentials for this server.
 */
export class LoginElsewhere extends Schema.TaggedError<LoginElsewhere>()("LoginElsewhere", {
  status: Schema.Int,
  otherServer: OtherServer
}) {
  override get message(): string {
    return `requires credentials of its own (${this.status})`
  }
}

/**
 * The token service refused to issue a token. `status` is 401 or 403. For an identity token, `status` may also be 501,
 * or any 4xx except 408 and 429. If the token service responds 401 to credentials, the client does not send them for 10
 * seconds. Meanwhile, pulls with these credentials fail with the same error.
 */
export class TokenRefused extends Schema.TaggedError<TokenRefused>()("TokenRefused", {
  status: Schema.Int,
  otherServer: OtherServer,
  /** The login in the request. `withheld`: no login was sent, since the token service redirected to another origin. */
  login: Schema.Literals(["password", "identity token", "none", "withheld"])
}) {
  override get message(): string {
    switch (this.login) {
      case "password":
        return `refused our credentials (${this.status})`
      case "identity token":
        return `refused our credentials, an identity token (${this.status})`
      case "none":
      case "withheld":
        return `gives no token without a login (${this.status})`
    }
  }
}

/**
 * The server responded 429 or 503, and the client makes no further attempt. The client has then made all allowed
 * attempts, or the Retry-After would end after the deadline. `retryAfter` is in seconds, at most 1 hour.
 */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  status: Schema.Int,
  retryAfter: Schema.OptionFromUndefinedOr(Schema.Int),
  otherServer
}) {
  override get message(): string {
    const wait = Option.match(this.retryAfter, {
      onNone: () => "",
      onSome: (seconds) => `, for ${seconds} seconds`
    })
    return `accepts no requests now (${this.status})${wait}`
  }
}

/**
 * The server responded with a status that no other error of this file describes. Requests that get 408 or
 * 5xx are retryable.
 */
export class UnexpectedStatus extends Schema.TaggedError<UnexpectedStatus>()("UnexpectedStatus", {
  status: Schema.Int,
  otherServer
}) {
  override get message(): string {
    return `answered ${this.status}`
  }
}

/** A connection could not be made, or broke. `detail` is one clause and contains no secret. */
export class ConnectionFailed extends Schema.TaggedError<ConnectionFailed>()("ConnectionFailed", {
  kind: Schema.Literals(["refused", "reset", "dns", "certificate", "proxy", "other"]),
  detail: Schema.String,
  otherServer
}) {
  override get message(): string {
    return this.detail
  }
}

const timeoutMessages = {
  connect: "could not be connected to in 5 seconds",
  proxy: "could not be connected to in 5 seconds through the proxy on the way",
  headers: "did not begin its response in 30 seconds",
  body: "was silent for 30 seconds in the middle of its response",
  attempts: "gave no response in 45 seconds of attempts"
} as const

/** The server took too long. `phase` names the step that exceeded its timeout. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {
  phase: Schema.Literals(["connect", "proxy", "headers", "body", "attempts"]),
  otherServer
}) {
  override get message(): string {
    return timeoutMessages[this.phase]
  }
}

/** There are too many redirects, or a redirect cannot be followed. `detail` is one clause. */
export class BadRedirect extends Schema.TaggedError<BadRedirect>()("BadRedirect", {
  detail: Schema.String
}) {
  override get message(): string {
    return `gave a redirect that cannot be followed: ${this.detail}`
  }
}

/**
 * A response cannot be used, because it is malformed, too large, or has a wrong digest or size. `detail` is one clause.
 */
export class InvalidResponse extends Schema.TaggedError<InvalidResponse>()("InvalidResponse", {
  detail: Schema.String,
  otherServer
}) {
  override get message(): string {
    return `gave a response that cannot be used: ${this.detail}`
  }
}

/** A failed pull. `registry` is the host as configured. */
export class RegistryError extends Schema.TaggedError<RegistryError>()("RegistryError", {
  registry: Schema.String,
  reason: Schema.Union([
    ManifestNotFound,
    BlobNotFound,
    Refused,
    AnonymousRefused,
    AddressRefused,
    LoginElsewhere,
    TokenRefused,
    Unavailable,
    UnexpectedStatus,
    ConnectionFailed,
    TimedOut,
    BadRedirect,
    InvalidResponse,
    ManifestError
  ])
}) {
  /** One sentence that names the registry, without a full stop. */
  override get message(): string {
    const { reason, registry } = this
    switch (reason._tag) {
      case "ManifestError":
        return `${registry} gave a manifest without a usable package: ${reason.message}`
      case "ConnectionFailed": {
        const prefix = `${registry}: `
        return reason.detail.startsWith(prefix)
          ? `pulling from ${registry} failed: ${reason.detail.slice(prefix.length)}`
          : `pulling from ${registry} failed: ${reason.detail}`
      }
      default:
        return `${nameOf(registry, "otherServer" in reason ? reason.otherServer : undefined)} ${reason.message}`
    }
  }
}
