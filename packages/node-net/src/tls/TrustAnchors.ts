import type { SecureContext, SecureContextOptions } from "node:tls"
import { tls } from "../NodeModules.ts"
import * as SystemAnchors from "./SystemAnchors.ts"

/** A certificate and key to prove who we are with. */
export interface ClientIdentity {
  readonly cert: SecureContextOptions["cert"]
  readonly key: SecureContextOptions["key"]
}

// RSA keys of 1024 bits, which Go takes too; OpenSSL's level 2 wants 2048.
const ciphers = `${tls.DEFAULT_CIPHERS}:@SECLEVEL=1`

const contextOf = (
  authorities: ReadonlyArray<string> | undefined,
  identity: ClientIdentity | undefined
): SecureContext =>
  tls.createSecureContext({
    ciphers,
    minVersion: "TLSv1.2",
    // Whatever signed it, or if it is a server's own: a certificate that the user names is an anchor.
    ...(authorities === undefined ? {} : { ca: [...authorities], allowPartialTrustChain: true }),
    ...identity
  })

/** Whom connections trust. */
export interface TrustAnchors {
  /** Who trusts the system's anchors, and these (PEM). */
  readonly besideSystem: (authorities: ReadonlyArray<string>, identity?: ClientIdentity) => SecureContext
  /** Who trusts these (PEM) alone. */
  readonly alone: (authorities: ReadonlyArray<string>, identity?: ClientIdentity) => SecureContext
}

/**
 * Anchors of this process. The system's are Node's own (Mozilla's, and NODE_EXTRA_CA_CERTS) and the machine's, which are
 * read once, when they are first needed, as Go does.
 */
export const make = (variables: Readonly<Record<string, string | undefined>>): TrustAnchors => {
  let machine: ReadonlyArray<string> | undefined
  let system: SecureContext | undefined
  return {
    besideSystem: (authorities, identity) => {
      machine ??= SystemAnchors.read(variables, tls.getCACertificates("default"))
      const added = [...machine, ...authorities]
      const all = added.length === 0 ? undefined : [...tls.getCACertificates("default"), ...added]
      if (authorities.length > 0 || identity !== undefined) return contextOf(all, identity)
      return (system ??= contextOf(all, undefined))
    },
    alone: (authorities, identity) => contextOf(authorities, identity)
  }
}
