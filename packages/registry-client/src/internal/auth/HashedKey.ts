import type { Credential } from "@registry-packages-proxy/domain/Credential"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { Equal, Hash, Redacted } from "effect"
import { createHash } from "node:crypto"
import * as RegistryAddress from "../wire/RegistryAddress.ts"

/** Returns the SHA-256 hash of `parts` in base64url. Map keys use the hash, because a part may be a secret. */
export const hashOf = (...parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url")

/** A map key. Two keys are equal if they have the same class and the same hash of `parts`. */
export abstract class HashedKey implements Equal.Equal {
  readonly id: string

  constructor(...parts: ReadonlyArray<string>) {
    this.id = hashOf(...parts)
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof HashedKey && that.constructor === this.constructor && that.id === this.id
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

/** Returns the fields of a credential, including the secrets, as `parts` for {@link hashOf}. */
export const credentialParts = (credential: Credential): ReadonlyArray<string> => {
  switch (credential._tag) {
    case "Anonymous":
      return [credential._tag]
    case "Basic":
      return [credential._tag, credential.username, Redacted.value(credential.password)]
    case "IdentityToken":
      return [
        credential._tag,
        Redacted.value(credential.token),
        ...(credential.login === undefined ? [] : credentialParts(credential.login))
      ]
    case "RegistryToken":
      return [credential._tag, Redacted.value(credential.token)]
  }
}

/** Returns a map key for a registry. The key is a hash of the registry's URL, CA and credential. */
export const sourceKey = (source: RegistrySource): string =>
  hashOf(RegistryAddress.baseUrl(source).href, source.ca ?? "", ...credentialParts(source.credential))
