import * as TlsMetrics from "@registry-packages-proxy/tls/Metrics"
import type { PeerCertificate } from "@registry-packages-proxy/access-control/PeerCertificate"
import type { ListenerMaterial } from "@registry-packages-proxy/tls/TlsMaterial"
import { type Context, Duration, Option, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import type { Server } from "node:https"
import type { Socket } from "node:net"
import type { SecureVersion } from "node:tls"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import { applyLimits, rejectUnread, serverOptions } from "./NodeServer.ts"
import * as PeerCertificates from "../access/PeerCertificates.ts"

// Not imported: an import evaluates the modules' lazy exports, which stay in memory.
const https = process.getBuiltinModule("node:https")
const { constants } = process.getBuiltinModule("node:crypto")

/** The minimum TLS version of clients. */
export type MinTlsVersion = "1.2" | "1.3"

/**
 * Cipher suites with forward secrecy and authenticated encryption. AES-128 comes first, since it is the fastest on CPUs
 * with AES instructions.
 */
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

/**
 * The time in seconds for which a TLS session may be resumed. During this time, the expiry of an intermediate
 * certificate is not noticed.
 */
const sessionSeconds = 300

const contextOptions = ({ clientAuthorities, serving }: ListenerMaterial, minVersion: MinTlsVersion) => ({
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
 * Makes every certificate of the client CA file a trust anchor, root or not, as Go does. Node has no server option for
 * this (`tls.Server.setSecureContext` ignores `allowPartialTrustChain`). So this function sets the flag on the context
 * that the server has made.
 */
const trustEachAuthority = (server: Server, { clientAuthorities }: ListenerMaterial): void => {
  if (Option.isNone(clientAuthorities)) return
  const credentials = Reflect.get(server, "_sharedCreds") as
    | { readonly context?: { readonly setAllowPartialTrustChain?: () => void } }
    | undefined
  credentials?.context?.setAllowPartialTrustChain?.()
}

/** An HTTPS server (HTTP/1.1 only) whose TLS material can be replaced while it runs. */
export interface SecureServer {
  readonly server: Server
  /**
   * Uses new material for new connections. Old TLS sessions are not resumed, so the new authorities verify the
   * certificates of all new connections. Existing connections continue. But if the authorities have changed, a
   * connection with a verified certificate closes after the response in progress. Throws and changes nothing if TLS
   * cannot use the material.
   */
  readonly setMaterial: (material: ListenerMaterial) => void
  /**
   * Returns the client certificate of a request's connection, with the result of the verification by the current
   * authorities. Undefined if the client presented no certificate, or if the authorities that verified it have been
   * replaced.
   */
  readonly certificateOf: (request: IncomingMessage) => PeerCertificate | undefined
}

/**
 * Makes an HTTPS server with the program's limits; a test may override some. `metrics` is the context in which the
 * server updates metrics.
 */
export const make = (options: {
  readonly material: ListenerMaterial
  readonly minVersion: MinTlsVersion
  readonly metrics: Context.Context<never>
  readonly limits?: Partial<HttpLimits>
}): SecureServer => {
  const { metrics, minVersion } = options
  const limits = { ...httpLimits, ...options.limits }
  let { material } = options
  const secured = new WeakSet<Socket>()

  const server = https.createServer({
    ...serverOptions(limits),
    ...contextOptions(material, minVersion),
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: Duration.toMillis(limits.handshakeTimeout),
    requestCert: Option.isSome(material.clientAuthorities),
    // Clients without a certificate may authenticate by token.
    rejectUnauthorized: false
  })
  applyLimits(server, limits)
  trustEachAuthority(server, material)
  const peers = Option.map(material.clientAuthorities, (pem) => PeerCertificates.make(server, pem))
  server.on("secureConnection", (socket) => void secured.add(socket))
  server.on("clientError", (error: Error, socket: Socket) => {
    if (secured.has(socket)) return rejectUnread(server, error, socket)
    TlsMetrics.handshakeFailures.updateUnsafe(1, metrics)
    socket.destroy()
  })

  return {
    server,
    setMaterial: (next) => {
      // A new context has new session ticket keys. So the same material is not set again, which would end TLS sessions.
      if (next === material) return
      server.setSecureContext(contextOptions(next, minVersion))
      trustEachAuthority(server, next)
      const [previous, current] = [material, next].map(({ clientAuthorities }) =>
        Option.getOrUndefined(clientAuthorities)
      )
      material = next
      if (previous !== current && Option.isSome(peers)) peers.value.replaceAuthorities(current ?? "")
    },
    certificateOf: ({ socket }) => Option.getOrUndefined(peers)?.certificateOf(socket)
  }
}
