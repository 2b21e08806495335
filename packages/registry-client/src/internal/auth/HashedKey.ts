import type { Credential } from "@registry-packages-proxy/domain/Credential"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { Equal, Hash, Redacted } from "effect"
import { createHash } from "node:crypto"
import * as RegistryAddress from "../wire/RegistryAddress.ts"

/** Returns a hash of these parts. Map keys use the hash, since a part may be a secret. */
export const hashOf = (...parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url")

/** A map key that is compared by class and by a hash of its parts. */
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

/** Returns the parts of a credential for {@link hashOf}, including the secrets. */
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

/** Returns a map key for a registry: a hash of its URL, its CA and the credential. */
export const sourceKey = (source: RegistrySource): string =>
  hashOf(RegistryAddress.baseUrl(source).href, source.ca ?? "", ...credentialParts(source.credential))
