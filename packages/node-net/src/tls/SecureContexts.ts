import type { SecureContext, SecureContextOptions } from "node:tls"
import type { EnvironmentVariables } from "../EnvironmentVariables.ts"
import { tls } from "../NodeModules.ts"
import * as MachineCertificates from "./MachineCertificates.ts"

/** A client certificate and its key. */
export interface ClientIdentity {
  readonly cert: SecureContextOptions["cert"]
  readonly key: SecureContextOptions["key"]
}

// Level 1 accepts RSA keys of 1024 bits, as Go does. OpenSSL's default level 2 requires 2048 bits.
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

/** Makes TLS contexts that trust the system's certificates, the caller's certificates, or both. */
export interface SecureContexts {
  /** Returns a context that trusts the system's certificates and `authorities` (PEM). */
  readonly withSystem: (authorities: ReadonlyArray<string>, identity?: ClientIdentity) => SecureContext
  /** Returns a context that trusts only `authorities` (PEM). */
  readonly withoutSystem: (authorities: ReadonlyArray<string>, identity?: ClientIdentity) => SecureContext
}

/**
 * Makes `SecureContexts` for this process. The system's certificates are those of Mozilla, of NODE_EXTRA_CA_CERTS and
 * of the machine. As in Go, the machine's certificates are read once, on first use. `env` has the environment variables
 * of the process, of which SSL_CERT_FILE and SSL_CERT_DIR are used.
 */
export const make = (env: EnvironmentVariables): SecureContexts => {
  let machine: ReadonlyArray<string> | undefined
  let system: SecureContext | undefined
  return {
    withSystem: (authorities, identity) => {
      machine ??= MachineCertificates.read(env, tls.getCACertificates("default"))
      const added = [...machine, ...authorities]
      const all = added.length === 0 ? undefined : [...tls.getCACertificates("default"), ...added]
      if (authorities.length > 0 || identity !== undefined) return contextOf(all, identity)
      return (system ??= contextOf(all, undefined))
    },
    withoutSystem: (authorities, identity) => contextOf(authorities, identity)
  }
}
