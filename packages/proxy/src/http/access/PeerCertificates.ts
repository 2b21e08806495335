import * as PeerCertificate from "@registry-packages-proxy/access-control/PeerCertificate"
import type { Server } from "node:https"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { ServerResponse } from "node:http"
import { Result } from "effect"

/** The client certificates of a server's connections. */
export interface PeerCertificates {
  /** The certificate of a connection, if it showed one. */
  readonly of: (socket: Socket) => PeerCertificate.PeerCertificate | undefined
  /**
   * Verifies by other authorities from now on. What the old ones vouched for ends: connections that proved a certificate
   * close after the answer in progress, and no request on them counts as theirs any more.
   */
  readonly renew: (authorities: string) => void
}

/** Names a connection among those of a server. */
const nameOf = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

/** Closes a connection once the answer that is being sent has gone out. */
const closeAfterAnswer = (socket: TLSSocket): void => {
  // Node keeps the response in progress there; the public events tell of responses, not of connections.
  const response = Reflect.get(socket, "_httpMessage") as ServerResponse | null | undefined
  if (response === null || response === undefined) return socket.destroySoon()
  if (!response.headersSent) response.shouldKeepAlive = false
  response.once("close", () => socket.destroySoon())
}

/** Follows the connections of a server that asks for client certificates; made before it listens. */
export const make = (server: Server, authorities: string): PeerCertificates => {
  let anchors = PeerCertificate.authorities(authorities)
  // Which authorities a handshake began with, by the connection's name: TLS sockets do not tell.
  const handshakes = new Map<string, PeerCertificate.Authorities>()
  const peers = new WeakMap<Socket, PeerCertificate.PeerCertificate>()
  const proven = new Set<TLSSocket>()

  server.on("connection", (raw) => {
    const name = nameOf(raw)
    handshakes.set(name, anchors)
    raw.once("close", () => handshakes.delete(name))
  })
  server.on("secureConnection", (socket) => {
    const name = nameOf(socket)
    const began = handshakes.get(name)
    handshakes.delete(name)
    // A resumed session without a client certificate counts as authorized for Node: the certificate itself must be there.
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return
    // The old authorities verified it: the client comes again, to be verified by those of now.
    if (began !== anchors) return void socket.destroy()
    const error = socket.authorized ? undefined : String(socket.authorizationError)
    // The clock that OpenSSL looks at.
    const peer = PeerCertificate.examine(certificate, error, anchors, Date.now())
    peers.set(socket, peer)
    if (Result.isFailure(peer.result)) return
    proven.add(socket)
    socket.once("close", () => proven.delete(socket))
  })

  return {
    of: (socket) => peers.get(socket),
    renew: (authorities) => {
      anchors = PeerCertificate.authorities(authorities)
      for (const socket of proven) {
        peers.delete(socket)
        closeAfterAnswer(socket)
      }
      proven.clear()
    }
  }
}
