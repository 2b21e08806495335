import type { Credential } from "@registry-packages-proxy/domain/Credential"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { Equal, Hash, Redacted } from "effect"
import { createHash } from "node:crypto"
import * as RegistryAddress from "../wire/RegistryAddress.ts"

/** A name for these parts that shows none of them: maps are keyed by it, since a part may be a secret. */
export const hashed = (...parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url")

/** A map key that is equal to another of its class by a hash of its parts. */
export abstract class Identified implements Equal.Equal {
  readonly id: string

  constructor(...parts: ReadonlyArray<string>) {
    this.id = hashed(...parts)
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof Identified && that.constructor === this.constructor && that.id === this.id
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

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

/** A registry as it is asked: its address, whom to trust there, and the credential. */
export const sourceId = (source: RegistrySource): string =>
  hashed(RegistryAddress.baseUrl(source).href, source.ca ?? "", ...credentialParts(source.credential))
