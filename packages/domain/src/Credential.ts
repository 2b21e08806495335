import type { Redacted } from "effect"

/** A user's name and password. */
export interface BasicCredential {
  readonly _tag: "Basic"
  readonly username: string
  readonly password: Redacted.Redacted
}

/** The credential for a registry: none, a name and a password, a token to exchange, or a token to send. */
export type Credential =
  | { readonly _tag: "Anonymous" }
  | BasicCredential
  /**
   * An OAuth2 refresh token (`identitytoken` in a docker config), with the name and password of the same entry, if any.
   */
  | {
      readonly _tag: "IdentityToken"
      readonly token: Redacted.Redacted
      readonly login?: BasicCredential | undefined
    }
  /** A bearer token sent as it is (`registrytoken` in a docker config). */
  | { readonly _tag: "RegistryToken"; readonly token: Redacted.Redacted }

export const anonymous: Credential = { _tag: "Anonymous" }
