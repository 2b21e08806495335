import type { ClientCertificate } from "@registry-packages-proxy/access-control/Authenticator"
import * as ClientCertificates from "@registry-packages-proxy/access-control/ClientCertificates"
import * as AccessMetrics from "@registry-packages-proxy/access-control/Metrics"
import type { Material } from "@registry-packages-proxy/access-control/TlsMaterial"
import { type Context, Option, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import type { Server } from "node:https"
import type { Socket } from "node:net"
import type { SecureVersion, TLSSocket } from "node:tls"
import { type Limits, limits } from "./Limits.ts"
import { bound, refuse, serverOptions } from "./NodeListener.ts"

// Not imported: as modules they evaluate their lazy exports, which stay resident.
const https = process.getBuiltinModule("node:https")
const { constants } = process.getBuiltinModule("node:crypto")

/** The oldest TLS that is spoken. */
export type MinVersion = "1.2" | "1.3"

/** Forward secrecy and authenticated encryption only; AES-128 first, the fastest where processors know AES. */
export const cipherSuites = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305"
] as const

/** Seconds that a session may be resumed: also how long a certificate between a client's and its authority's may end unseen. */
const sessionSeconds = 300

const contextOptions = ({ clientAuthorities, serving }: Material, minVersion: MinVersion) => ({
  cert: serving.certificates,
  key: Redacted.value(serving.privateKey),
  ciphers: cipherSuites.join(":"),
  honorCipherOrder: true,
  minVersion: `TLSv${minVersion}` as SecureVersion,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  sessionTimeout: sessionSeconds,
  ...Option.match(clientAuthorities, { onNone: () => ({}), onSome: (ca) => ({ ca }) })
})

/** What a connection proved when it began. */
interface Proof {
  readonly certificate: Option.Option<ClientCertificate>
  readonly isBy: (authorities: string) => boolean
  /** The authorities it was last held against, and the outcome. */
  authorities: string
  isTrusted: boolean
}

const nothing: Proof = {
  certificate: Option.none(),
  isBy: () => false,
  authorities: "",
  isTrusted: false
}

// A resumed session without a client certificate counts as authorized for Node: the certificate itself must be there.
const proofOf = (socket: TLSSocket, authorities: string): Proof => {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
  if (certificate === undefined) return nothing
  return {
    certificate: ClientCertificates.read(certificate),
    isBy: (authorities) => ClientCertificates.isIssuedBy(certificate, authorities),
    authorities,
    isTrusted: true
  }
}

/** An HTTPS server (HTTP/1.1 only), and what of it changes while it runs. */
export interface SecureServer {
  readonly server: Server
  /**
   * Serves new connections with other material; those there are go on. No session of before is resumed, so that client
   * certificates are verified by the new authorities.
   */
  readonly renew: (material: Material) => void
  /** The certificate that a request's connection proved, if the authorities of now would believe it too. */
  readonly certificateOf: (request: IncomingMessage) => Option.Option<ClientCertificate>
}

/** A TLS server with the limits of this program, or a test's own. `metrics` is where its own are kept. */
export const make = (options: {
  readonly material: Material
  readonly minVersion: MinVersion
  readonly metrics: Context.Context<never>
  readonly limits?: Partial<Limits>
}): SecureServer => {
  const { metrics, minVersion } = options
  const inForce = { ...limits, ...options.limits }
  let { material } = options
  let renewedAt = Number.NEGATIVE_INFINITY
  const proofs = new WeakMap<Socket, Proof>()
  const secured = new WeakSet<Socket>()
  const authorities = (): string => Option.getOrElse(material.clientAuthorities, () => "")

  const server = https.createServer({
    ...serverOptions(inForce),
    ...contextOptions(material, minVersion),
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: inForce.handshakeTimeout,
    requestCert: Option.isSome(material.clientAuthorities),
    // Whoever has no certificate may have a token.
    rejectUnauthorized: false
  })
  bound(server, inForce)
  server.on("secureConnection", (socket) => {
    secured.add(socket)
    if (Option.isNone(material.clientAuthorities)) return
    // A handshake that began before the authorities changed was held against the old ones.
    const isSure = performance.now() - renewedAt > inForce.handshakeTimeout
    proofs.set(socket, proofOf(socket, isSure ? authorities() : ""))
  })
  server.on("clientError", (error: Error, socket: Socket) => {
    if (secured.has(socket)) return refuse(error, socket)
    AccessMetrics.handshakeFailures.updateUnsafe(1, metrics)
    socket.destroy()
  })

  return {
    server,
    renew: (next) => {
      server.setSecureContext(contextOptions(next, minVersion))
      material = next
      renewedAt = performance.now()
    },
    certificateOf: (request) => {
      const proof = proofs.get(request.socket) ?? nothing
      const now = authorities()
      if (proof.isTrusted && proof.authorities !== now) {
        proof.authorities = now
        proof.isTrusted = proof.isBy(now)
      }
      return proof.isTrusted ? proof.certificate : Option.none()
    }
  }
}
