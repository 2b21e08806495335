import * as TlsMetrics from "@registry-packages-proxy/tls/Metrics"
import type { PeerCertificate } from "@registry-packages-proxy/access-control/PeerCertificate"
import type { Material } from "@registry-packages-proxy/tls/TlsMaterial"
import { type Context, Option, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import type { Server } from "node:https"
import type { Socket } from "node:net"
import type { SecureVersion } from "node:tls"
import { type Limits, limits } from "../request/Limits.ts"
import { bound, refuse, serverOptions } from "./NodeListener.ts"
import * as PeerCertificates from "../access/PeerCertificates.ts"

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

/** Seconds that a session may be resumed: as long an intermediate certificate that expires goes unnoticed. */
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

/**
 * Takes every authority of the client CA file for an anchor, root or not, as Go does. Node hands `allowPartialTrustChain`
 * to no server (`tls.Server.setSecureContext` leaves it out), so it is set on the context that the server made.
 */
const trustEachAuthority = (server: Server, { clientAuthorities }: Material): void => {
  if (Option.isNone(clientAuthorities)) return
  const made = Reflect.get(server, "_sharedCreds") as
    | { readonly context?: { readonly setAllowPartialTrustChain?: () => void } }
    | undefined
  made?.context?.setAllowPartialTrustChain?.()
}

/** An HTTPS server (HTTP/1.1 only), and what of it changes while it runs. */
export interface SecureServer {
  readonly server: Server
  /**
   * Serves new connections with other material; no earlier session is resumed, so that client certificates are verified
   * by the new authorities. Where the authorities changed, connections that proved a certificate close after the answer in
   * progress; all others go on. Throws where TLS cannot use the material, and nothing changes.
   */
  readonly renew: (material: Material) => void
  /** The client certificate of a request's connection, as the authorities of now judge it. */
  readonly certificateOf: (request: IncomingMessage) => PeerCertificate | undefined
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
  const secured = new WeakSet<Socket>()

  const server = https.createServer({
    ...serverOptions(inForce),
    ...contextOptions(material, minVersion),
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: inForce.handshakeTimeout,
    requestCert: Option.isSome(material.clientAuthorities),
    // Clients without a certificate may authenticate by token.
    rejectUnauthorized: false
  })
  bound(server, inForce)
  trustEachAuthority(server, material)
  const peers = Option.map(material.clientAuthorities, (pem) => PeerCertificates.make(server, pem))
  server.on("secureConnection", (socket) => void secured.add(socket))
  server.on("clientError", (error: Error, socket: Socket) => {
    if (secured.has(socket)) return refuse(error, socket)
    TlsMetrics.handshakeFailures.updateUnsafe(1, metrics)
    socket.destroy()
  })

  return {
    server,
    renew: (next) => {
      // New ticket keys come with each context.
      if (next === material) return
      server.setSecureContext(contextOptions(next, minVersion))
      trustEachAuthority(server, next)
      const [before, now] = [material, next].map(({ clientAuthorities }) =>
        Option.getOrUndefined(clientAuthorities)
      )
      material = next
      if (before !== now && Option.isSome(peers)) peers.value.renew(now ?? "")
    },
    certificateOf: ({ socket }) => Option.getOrUndefined(peers)?.of(socket)
  }
}
