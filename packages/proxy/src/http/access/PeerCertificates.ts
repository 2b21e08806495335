import * as PeerCertificate from "@registry-packages-proxy/access-control/PeerCertificate"
import type { Server } from "node:https"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { ServerResponse } from "node:http"
import { Result } from "effect"

/** The client certificates of a server's connections. */
export interface PeerCertificates {
  /**
   * Returns the client certificate of a connection, and whether it was accepted when the connection began. Undefined if
   * the client presented none, or if the authorities that accepted it have been replaced.
   */
  readonly certificateOf: (socket: Socket) => PeerCertificate.PeerCertificate | undefined
  /**
   * Replaces the authorities that verify client certificates. If an open connection has an accepted certificate,
   * `certificateOf` returns undefined for this connection from now on. The connection closes after the response in
   * progress.
   */
  readonly replaceAuthorities: (authorities: string) => void
}

/** Returns a key of the connection that is unique among the open connections of its server. */
const connectionKey = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

/** Closes a connection after the response in progress, or immediately if there is none. */
const closeAfterResponse = (socket: TLSSocket): void => {
  // Node keeps the response in progress in this private field. No public API returns it.
  const response = Reflect.get(socket, "_httpMessage") as ServerResponse | null | undefined
  if (response === null || response === undefined) return socket.destroySoon()
  if (!response.headersSent) response.shouldKeepAlive = false
  response.once("close", () => socket.destroySoon())
}

/**
 * Makes the `PeerCertificates` of a server. Client certificates are verified with `authorities` (PEM) until
 * `replaceAuthorities` is called. Call `make` before the server listens.
 */
export const make = (server: Server, authorities: string): PeerCertificates => {
  let anchors = PeerCertificate.authoritiesOf(authorities)
  // The authorities at the start of each handshake, by the connection's key. No public API returns the raw socket of a
  // TLS socket.
  const handshakes = new Map<string, PeerCertificate.GetAuthorities>()
  const peers = new WeakMap<Socket, PeerCertificate.PeerCertificate>()
  const verified = new Set<TLSSocket>()

  server.on("connection", (raw) => {
    const key = connectionKey(raw)
    handshakes.set(key, anchors)
    raw.once("close", () => handshakes.delete(key))
  })
  server.on("secureConnection", (socket) => {
    const key = connectionKey(socket)
    const initialAnchors = handshakes.get(key)
    handshakes.delete(key)
    // Node sets `authorized` for a resumed session without a client certificate, so the certificate itself is required.
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return
    // The previous authorities verified the certificate. When the client reconnects, the current authorities verify it.
    if (initialAnchors !== anchors) return void socket.destroy()
    const error = socket.authorized ? undefined : String(socket.authorizationError)
    // OpenSSL uses this clock too.
    const peer = PeerCertificate.check(certificate, error, anchors, Date.now())
    peers.set(socket, peer)
    if (Result.isFailure(peer.result)) return
    verified.add(socket)
    socket.once("close", () => verified.delete(socket))
  })

  return {
    certificateOf: (socket) => peers.get(socket),
    replaceAuthorities: (authorities) => {
      anchors = PeerCertificate.authoritiesOf(authorities)
      for (const socket of verified) {
        peers.delete(socket)
        closeAfterResponse(socket)
      }
      verified.clear()
    }
  }
}
