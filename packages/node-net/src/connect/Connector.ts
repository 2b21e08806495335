import { Duration, Effect } from "effect"
import type { Socket } from "node:net"
import type { ConnectionOptions, PeerCertificate, SecureContext, TLSSocket } from "node:tls"
import { closedEarly, type ConnectionFailure, fromCause, notInTime } from "../ConnectionFailure.ts"
import { HttpConnection } from "../http/HttpConnection.ts"
import { net, tls } from "../NodeModules.ts"
import type { Destination } from "../proxy/NoProxy.ts"
import type { Proxy } from "../proxy/Proxy.ts"
import type { Dialer } from "./Dialer.ts"
import { blaming, openTunnel } from "./Tunnel.ts"

/** How TLS is spoken with a server. */
export interface TlsSettings {
  readonly context: SecureContext
  /** The name its certificate must be for, where that is not the host's. */
  readonly serverName?: string | undefined
  /** False takes any certificate. */
  readonly isVerified?: boolean
}

/** The way to a server. */
export interface Route {
  readonly server: Destination
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined
  readonly proxy: Proxy | undefined
  /** Whom a proxy that is spoken to over TLS is trusted by. */
  readonly proxyContext: () => SecureContext
}

/** Makes connections of one kind. */
export interface Connector {
  /**
   * A connection along a route, ready for its first request: addresses, proxy and TLS handshake together may take
   * `millis`. `begun` hears of each socket; those of a failed or interrupted attempt are the caller's to destroy.
   */
  readonly connect: (
    route: Route,
    millis: number,
    begun: (socket: Socket) => void
  ) => Effect.Effect<HttpConnection, ConnectionFailure>
}

/** After how long a silent connection is asked for a sign of life by the kernel, in milliseconds; Go's. */
const keepAliveAfter = 15_000

/** TLS sessions that are kept for one set of anchors. */
const maxSessions = 100

const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfter } as const

const ignore = (): void => {}

const hostPort = ({ hostname, port }: Destination): string =>
  `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`

/** The names of a server in TLS, as Go has them: no address in SNI, no dot at a name's end. */
const tlsOptions = (
  { context, isVerified, serverName }: TlsSettings,
  hostname: string
): ConnectionOptions => {
  const name = (serverName ?? hostname).replace(/\.$/, "")
  return {
    secureContext: context,
    rejectUnauthorized: isVerified !== false,
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      tls.checkServerIdentity(name, certificate)
  }
}

const failureOf = ({ errored }: Socket): ConnectionFailure =>
  errored === null ? closedEarly : fromCause(errored)

/**
 * Connections that read into one buffer of `readSize` bytes, used again for every read of every connection: whoever takes
 * the bytes copies them before it returns. Else each read allocates memory, which lives until it is collected. (Node cannot
 * do so for TLS on top of another socket: behind a tunnel.)
 */
export const make = (dialer: Dialer, readSize: number): Connector => {
  let buffer: Buffer | undefined
  const sessions = new WeakMap<SecureContext, Map<string, Buffer>>()
  /** Sockets whose handshake is done. */
  const secure = new WeakSet<TLSSocket>()

  const handshake = (socket: TLSSocket): Effect.Effect<void, ConnectionFailure> =>
    Effect.callback((resume) => {
      // What happened before anybody listened is not told again.
      if (socket.destroyed) return resume(Effect.fail(failureOf(socket)))
      if (secure.has(socket)) return resume(Effect.void)
      const finish = (result: Effect.Effect<void, ConnectionFailure>): void => {
        socket.off("secureConnect", onSecure)
        socket.off("error", onError)
        socket.off("close", onClose)
        resume(result)
      }
      const onSecure = (): void => finish(Effect.void)
      const onError = (error: Error): void => finish(Effect.fail(fromCause(error)))
      const onClose = (): void => finish(Effect.fail(closedEarly))
      socket.on("secureConnect", onSecure)
      socket.on("error", onError)
      socket.on("close", onClose)
      return Effect.sync(() => void socket.destroy())
    })

  /** Begins a connection that can carry requests, by an `open` that is told what to read with. */
  const begin = (
    open: (onread: { buffer: Uint8Array; callback: (count: number, bytes: Uint8Array) => boolean }) => Socket
  ): HttpConnection => {
    buffer ??= Buffer.allocUnsafeSlow(readSize)
    const callback = (count: number, bytes: Uint8Array): boolean => {
      connection.receive(bytes.subarray(0, count))
      return true
    }
    const connection: HttpConnection = new HttpConnection(open({ buffer, callback }), true)
    return connection
  }

  /** A session of before saves a handshake. */
  const secured = (options: ConnectionOptions, server: Destination): TLSSocket => {
    // The name is not looked at again in a session that is taken up.
    const key = `${hostPort(server)} ${options.servername} ${options.rejectUnauthorized}`
    const context = options.secureContext as SecureContext
    const known = sessions.get(context) ?? new Map<string, Buffer>()
    sessions.set(context, known)
    const session = known.get(key)
    const socket = tls.connect({
      ...socketOptions,
      ...options,
      ...(session === undefined ? {} : { session })
    })
    socket.on("error", ignore)
    socket.once("secureConnect", () => secure.add(socket))
    socket.on("session", (session) => {
      known.delete(key)
      known.set(key, session)
      const [oldest] = known.keys()
      if (known.size > maxSessions && oldest !== undefined) known.delete(oldest)
    })
    socket.once("close", (hadError) => {
      if (hadError) known.delete(key)
    })
    return socket
  }

  const connect: Connector["connect"] = ({ proxy, proxyContext, server, tls: settings }, millis, begun) => {
    const connections = new Map<Socket, HttpConnection>()
    const track = <S extends Socket>(socket: S): S => {
      socket.on("error", ignore)
      begun(socket)
      return socket
    }
    const beginAt = (open: Parameters<typeof begin>[0]): Socket => {
      const connection = begin((onread) => track(open(onread)))
      connections.set(connection.socket, connection)
      return connection.socket
    }
    const connectionOf = (socket: Socket): HttpConnection =>
      connections.get(socket) ?? new HttpConnection(socket, false)

    const direct = (to: Destination, tlsSettings: TlsSettings | undefined) =>
      Effect.gen(function* () {
        const { hostname, port } = to
        const socket = yield* dialer.dial(hostname, millis, (host) =>
          beginAt((onread) =>
            tlsSettings === undefined
              ? net.connect({ ...socketOptions, host, port, onread })
              : secured({ ...tlsOptions(tlsSettings, hostname), host, port, onread } as ConnectionOptions, to)
          )
        )
        if (tlsSettings !== undefined) yield* handshake(socket as TLSSocket)
        return socket
      })

    /** A socket of its own, which TLS goes on top of. */
    const bare = (to: Proxy) =>
      Effect.gen(function* () {
        const socket = yield* dialer.dial(to.hostname, millis, (host) =>
          track(
            to.protocol === "http:"
              ? net.connect({ ...socketOptions, host, port: to.port })
              : secured({ ...tlsOptions({ context: proxyContext() }, to.hostname), host, port: to.port }, to)
          )
        )
        if (to.protocol === "https:") yield* handshake(socket as TLSSocket)
        return socket
      })

    const tunneled = (by: Proxy, tlsSettings: TlsSettings) =>
      Effect.gen(function* () {
        isAtProxy = true
        const socket = yield* Effect.mapError(bare(by), blaming(by))
        yield* openTunnel(socket, by, hostPort(server))
        isAtProxy = false
        const inner = track(secured({ ...tlsOptions(tlsSettings, server.hostname), socket }, server))
        const connection = new HttpConnection(inner, false)
        // The tunnel does not outlive what is in it.
        inner.once("close", () => socket.destroy())
        yield* handshake(inner)
        return connection
      })

    let isAtProxy = false
    const made =
      proxy === undefined
        ? Effect.map(direct(server, settings), connectionOf)
        : settings === undefined
          ? Effect.suspend(() => {
              isAtProxy = true
              const context = proxy.protocol === "https:" ? { context: proxyContext() } : undefined
              return Effect.mapBoth(direct(proxy, context), {
                onSuccess: connectionOf,
                onFailure: blaming(proxy)
              })
            })
          : tunneled(proxy, settings)
    return Effect.timeoutOrElse(made, {
      duration: Duration.millis(millis),
      orElse: () => Effect.fail(proxy !== undefined && isAtProxy ? blaming(proxy)(notInTime) : notInTime)
    })
  }
  return { connect }
}
