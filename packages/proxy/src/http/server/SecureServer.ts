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

// `getBuiltinModule`, since an import declaration evaluates the modules' lazy exports, which stay in memory.
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
 * The time in seconds for which a TLS session may be resumed. Resuming does not verify the intermediate certificates
 * again, so the program may notice their expiry only after this time.
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
 * Makes every certificate of the client CA file a trust anchor, even if it is not a root, as Go does. Node's
 * `setSecureContext` ignores the option `allowPartialTrustChain`. So this function sets the option in the TLS context
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
   * Uses new material for new connections. A new connection cannot resume the TLS session of an old connection, so its
   * client certificate is verified with the new authorities. If the authorities have changed, each old connection whose
   * client certificate was accepted closes after its response in progress. All other old connections continue. If TLS
   * cannot use the material, throws and changes nothing.
   */
  readonly setMaterial: (material: ListenerMaterial) => void
  /**
   * Returns the client certificate of a request's connection, and whether it was accepted when the connection began.
   * Undefined if the client presented none, or if the authorities that accepted it have been replaced.
   */
  readonly certificateOf: (request: IncomingMessage) => PeerCertificate | undefined
}

/**
 * Makes an HTTPS server without a request handler. It updates metrics in the context `metrics`. A test may override
 * some of the program's limits.
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
