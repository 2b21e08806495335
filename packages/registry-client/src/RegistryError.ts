import { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import { Option, Schema } from "effect"

/**
 * A server that the registry sends us to: one it redirects to, the token service it names, or one that this redirects
 * to.
 */
export const OtherServer = Schema.Struct({
  role: Schema.Literals(["redirect", "token", "token redirect"]),
  host: Schema.String
})
export type OtherServer = typeof OtherServer.Type

/** The server that answered; absent for the registry itself. */
const by = Schema.optionalKey(OtherServer)

/** The name of the server that answered: the registry, or another in its relation to the registry. */
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

// The message of each reason says what the server did, without its name: RegistryError's has that before it.

/** The registry has no such manifest or repository (404 to a manifest request). */
export class ManifestNotFound extends Schema.TaggedError<ManifestNotFound>()("ManifestNotFound", {
  by,
  /** Nobody logged in: some registries answer 404 for what is private. */
  anonymous: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return this.anonymous === true
      ? "has no such manifest or repository, or hides it from requests without a login"
      : "has no such manifest or repository"
  }
}

/** The manifest exists, the layer's blob it names does not (404 to a blob request). */
export class BlobNotFound extends Schema.TaggedError<BlobNotFound>()("BlobNotFound", { by }) {
  override get message(): string {
    return this.by === undefined ? "has the manifest but not the layer it names" : "does not have the layer"
  }
}

/** The registry refused our credentials, or the token they got (401 or 403); or they cool down after that. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Int }) {
  override get message(): string {
    return `refused our credentials (${this.status})`
  }
}

/** The registry refused a request that carried no credentials (401 or 403). */
export class AnonymousRefused extends Schema.TaggedError<AnonymousRefused>()("AnonymousRefused", {
  status: Schema.Int,
  /** There is an identity token, which the registry's way to log in has no use for. */
  identityToken: Schema.Boolean
}) {
  override get message(): string {
    return this.identityToken
      ? `asks for a name and a password, and there is an identity token alone (${this.status})`
      : `refused a request without a login (${this.status})`
  }
}

/** A server that the registry redirects to refused the address it was sent to (401 or 403 without a challenge). */
export class AddressRefused extends Schema.TaggedError<AddressRefused>()("AddressRefused", {
  status: Schema.Int,
  by: OtherServer
}) {
  override get message(): string {
    return `refused the address (${this.status}): it has expired, was changed on the way, or nothing is there`
  }
}

/** The registry redirects to a server that asks for a login of its own. */
export class LoginElsewhere extends Schema.TaggedError<LoginElsewhere>()("LoginElsewhere", {
  status: Schema.Int,
  by: OtherServer
}) {
  override get message(): string {
    return `asks for a login of its own (${this.status})`
  }
}

/** The token service refused to give a token (401 or 403); or the credentials cool down after that. */
export class TokenRefused extends Schema.TaggedError<TokenRefused>()("TokenRefused", {
  status: Schema.Int,
  by: OtherServer,
  /** Withheld: the token service redirects to another origin, where no credentials are sent. */
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

/** 429 or 503 after all attempts, or one whose Retry-After leaves no time for another; `retryAfter` in seconds. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  status: Schema.Int,
  retryAfter: Schema.OptionFromUndefinedOr(Schema.Int),
  by
}) {
  override get message(): string {
    const wait = Option.match(this.retryAfter, {
      onNone: () => "",
      onSome: (seconds) => `, for ${seconds} seconds`
    })
    return `takes no requests now (${this.status})${wait}`
  }
}

/** A status that answers nothing: 5xx other than 503 after all attempts, or one the protocol does not use here. */
export class UnexpectedStatus extends Schema.TaggedError<UnexpectedStatus>()("UnexpectedStatus", {
  status: Schema.Int,
  by
}) {
  override get message(): string {
    return `answered ${this.status}`
  }
}

/** No connection, or one that broke. `detail` is one sentence and holds no secret. */
export class ConnectionFailed extends Schema.TaggedError<ConnectionFailed>()("ConnectionFailed", {
  kind: Schema.Literals(["refused", "reset", "dns", "certificate", "proxy", "other"]),
  detail: Schema.String,
  by
}) {
  override get message(): string {
    return this.detail
  }
}

const silences = {
  connect: "could not be connected to in 5 seconds",
  proxy: "could not be connected to in 5 seconds through the proxy on the way",
  headers: "did not begin its answer in 30 seconds",
  body: "was silent for 30 seconds in the middle of its answer",
  attempts: "gave no answer in 45 seconds of attempts"
} as const

/** The server took too long in this phase. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {
  phase: Schema.Literals(["connect", "proxy", "headers", "body", "attempts"]),
  by
}) {
  override get message(): string {
    return silences[this.phase]
  }
}

/** More redirects than are followed, or one that leads nowhere. */
export class BadRedirect extends Schema.TaggedError<BadRedirect>()("BadRedirect", {
  detail: Schema.String
}) {
  override get message(): string {
    return `gave a redirect that cannot be followed: ${this.detail}`
  }
}

/** An answer that is no answer: wrong digest or size, endless, malformed. `detail` is one sentence. */
export class InvalidResponse extends Schema.TaggedError<InvalidResponse>()("InvalidResponse", {
  detail: Schema.String,
  by
}) {
  override get message(): string {
    return `gave an answer that cannot be used: ${this.detail}`
  }
}

/** A pull that failed, and why. `registry` is the host as configured. */
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
  /** One sentence without its full stop, which names the registry. */
  override get message(): string {
    const { reason, registry } = this
    switch (reason._tag) {
      case "ManifestError":
        return `${registry} gave a manifest without a usable package: ${reason.message}`
      case "ConnectionFailed": {
        const own = `${registry}: `
        return reason.detail.startsWith(own)
          ? `pulling from ${registry} failed: ${reason.detail.slice(own.length)}`
          : `pulling from ${registry} failed: ${reason.detail}`
      }
      default:
        return `${nameOf(registry, "by" in reason ? reason.by : undefined)} ${reason.message}`
    }
  }
}
