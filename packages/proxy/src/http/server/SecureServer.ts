import * as TlsMetrics from "@registry-packages-proxy/tls/Metrics"
import type { PeerCertificate } from "@registry-packages-proxy/access-control/PeerCertificate"
import type { Material } from "@registry-packages-proxy/tls/TlsMaterial"
import { type Context, Duration, Option, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import type { Server } from "node:https"
import type { Socket } from "node:net"
import type { SecureVersion } from "node:tls"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import { applyLimits, rejectMalformed, serverOptions } from "./NodeServer.ts"
import * as PeerCertificates from "../access/PeerCertificates.ts"

// Not imported: an import evaluates the modules' lazy exports, which stay in memory.
const https = process.getBuiltinModule("node:https")
const { constants } = process.getBuiltinModule("node:crypto")

/** The minimum TLS version of clients. */
export type MinTlsVersion = "1.2" | "1.3"

/**
 * Cipher suites with forward secrecy and authenticated encryption. AES-128 comes first: it is fastest with AES
 * instructions.
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

/** Seconds in which a session may be resumed. For so long an expired intermediate certificate is not noticed. */
const sessionSeconds = 300

const contextOptions = ({ clientAuthorities, serving }: Material, minVersion: MinTlsVersion) => ({
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
 * it (`tls.Server.setSecureContext` ignores `allowPartialTrustChain`), so it is set on the context that the server has
 * made.
 */
const trustEachAuthority = (server: Server, { clientAuthorities }: Material): void => {
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
   * Serves new connections with new material. Existing connections continue; old TLS sessions are not resumed, so the
   * new authorities verify client certificates. If the authorities have changed, connections with a verified
   * certificate close after the response in progress. Throws and changes nothing if TLS cannot use the material.
   */
  readonly renew: (material: Material) => void
  /** The client certificate of a request's connection, as verified by the current authorities. */
  readonly certificateOf: (request: IncomingMessage) => PeerCertificate | undefined
}

/**
 * Makes an HTTPS server with the program's limits, or with those of a test. `metrics` is the context of its metrics.
 */
export const make = (options: {
  readonly material: Material
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
    if (secured.has(socket)) return rejectMalformed(server, error, socket)
    TlsMetrics.handshakeFailures.updateUnsafe(1, metrics)
    socket.destroy()
  })

  return {
    server,
    renew: (next) => {
      // Each context has new ticket keys, so the same material must not be set again.
      if (next === material) return
      server.setSecureContext(contextOptions(next, minVersion))
      trustEachAuthority(server, next)
      const [previous, current] = [material, next].map(({ clientAuthorities }) =>
        Option.getOrUndefined(clientAuthorities)
      )
      material = next
      if (previous !== current && Option.isSome(peers)) peers.value.replaceAuthorities(current ?? "")
    },
    certificateOf: ({ socket }) => Option.getOrUndefined(peers)?.of(socket)
  }
}
