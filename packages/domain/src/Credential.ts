import type { Redacted } from "effect"

/** A username and password. */
export interface BasicCredential {
  readonly _tag: "Basic"
  readonly username: string
  readonly password: Redacted.Redacted
}

/** The credential for a registry: none, a username and password, a refresh token, or a bearer token. */
export type Credential =
  | { readonly _tag: "Anonymous" }
  | BasicCredential
  /**
   * An OAuth2 refresh token (`identitytoken` in a docker config). If the same entry also has a username and password,
   * `login` contains them.
   */
  | {
      readonly _tag: "IdentityToken"
      readonly token: Redacted.Redacted
      readonly login?: BasicCredential | undefined
    }
  /** A bearer token that is sent to the registry unchanged (`registrytoken` in a docker config). */
  | { readonly _tag: "RegistryToken"; readonly token: Redacted.Redacted }

export const anonymous: Credential = { _tag: "Anonymous" }
