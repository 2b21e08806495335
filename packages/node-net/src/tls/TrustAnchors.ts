import type { SecureContext, SecureContextOptions } from "node:tls"
import { tls } from "../NodeModules.ts"
import * as SystemAnchors from "./SystemAnchors.ts"

/** A client certificate and its key. */
export interface ClientIdentity {
  readonly cert: SecureContextOptions["cert"]
  readonly key: SecureContextOptions["key"]
}

// Level 1 accepts RSA keys of 1024 bits, as Go does; OpenSSL's default level 2 requires 2048.
const ciphers = `${tls.DEFAULT_CIPHERS}:@SECLEVEL=1`

const contextOf = (
  authorities: ReadonlyArray<string> | undefined,
  identity: ClientIdentity | undefined
): SecureContext =>
  tls.createSecureContext({
    ciphers,
    minVersion: "TLSv1.2",
    // A configured certificate is an anchor, even if it is an intermediate or a server's own.
    ...(authorities === undefined ? {} : { ca: [...authorities], allowPartialTrustChain: true }),
    ...identity
  })

/** The certificates that connections trust. */
export interface TrustAnchors {
  /** A context that trusts the system's anchors and these (PEM). */
  readonly contextWithSystem: (authorities: ReadonlyArray<string>, identity?: ClientIdentity) => SecureContext
  /** A context that trusts only these (PEM). */
  readonly contextWithoutSystem: (
    authorities: ReadonlyArray<string>,
    identity?: ClientIdentity
  ) => SecureContext
}

/**
 * Makes the anchors of this process. The system's anchors are those of Node (Mozilla's, and NODE_EXTRA_CA_CERTS) and
 * the machine's, which are read once, on first use, as in Go.
 */
export const make = (variables: Readonly<Record<string, string | undefined>>): TrustAnchors => {
  let machine: ReadonlyArray<string> | undefined
  let system: SecureContext | undefined
  return {
    contextWithSystem: (authorities, identity) => {
      machine ??= SystemAnchors.read(variables, tls.getCACertificates("default"))
      const added = [...machine, ...authorities]
      const all = added.length === 0 ? undefined : [...tls.getCACertificates("default"), ...added]
      if (authorities.length > 0 || identity !== undefined) return contextOf(all, identity)
      return (system ??= contextOf(all, undefined))
    },
    contextWithoutSystem: (authorities, identity) => contextOf(authorities, identity)
  }
}
