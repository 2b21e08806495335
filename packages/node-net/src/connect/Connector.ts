import { type Duration, Effect } from "effect"
import type { Socket } from "node:net"
import type { ConnectionOptions, PeerCertificate, SecureContext, TLSSocket } from "node:tls"
import { connectionClosed, type ConnectionFailure, connectTimedOut, fromCause } from "../ConnectionFailure.ts"
import { HttpConnection } from "../http/HttpConnection.ts"
import { net, tls } from "../NodeModules.ts"
import type { Destination } from "../proxy/NoProxy.ts"
import type { Proxy } from "../proxy/Proxy.ts"
import type { Dialer } from "./Dialer.ts"
import { asProxyFailure, openTunnel } from "./Tunnel.ts"

/** The TLS settings of connections to a server. */
export interface TlsSettings {
  readonly context: SecureContext
  /** The name to expect in the server's certificate, and to send in SNI. Default: the hostname. */
  readonly serverName?: string | undefined
  /** True if the server's certificate is verified. False if any certificate is accepted. Default: true. */
  readonly verifyCertificate?: boolean
}

/** A server, and the proxy through which it is reached. */
export interface ConnectionRoute {
  readonly server: Destination
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined
  /** Undefined for a direct connection. */
  readonly proxy: Proxy | undefined
  /** Returns the TLS context for the connection to an https proxy. */
  readonly proxySecureContext: () => SecureContext
}

/** Makes connections to servers, directly or through a proxy. */
export interface Connector {
  /**
   * Makes a connection that is ready for its first request. `timeout` limits the time for DNS, proxy and TLS handshake
   * together. Calls `onSocket` for each socket that it opens. The caller destroys these sockets if the effect fails or
   * is interrupted.
   */
  readonly connect: (
    route: ConnectionRoute,
    timeout: Duration.Input,
    onSocket: (socket: Socket) => void
  ) => Effect.Effect<HttpConnection, ConnectionFailure>
}

/** The time after which the kernel probes a silent connection, in milliseconds. Source: Go's net.Dialer. */
const keepAliveMillis = 15_000

/** The maximum number of TLS sessions that are cached for one secure context. */
const maxSessions = 100

const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMillis } as const

const ignore = (): void => {}

const hostPort = ({ hostname, port }: Destination): string =>
  `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`

/** Returns the TLS options for a hostname. As in Go, SNI contains no IP address and no dot at the end of a name. */
const tlsOptions = (
  { context, verifyCertificate, serverName }: TlsSettings,
  hostname: string
): ConnectionOptions => {
  const name = (serverName ?? hostname).replace(/\.$/, "")
  return {
    secureContext: context,
    rejectUnauthorized: verifyCertificate !== false,
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      tls.checkServerIdentity(name, certificate)
  }
}

const failureOf = ({ errored }: Socket): ConnectionFailure =>
  errored === null ? connectionClosed : fromCause(errored)

/**
 * Makes a connector. Its connections read into one shared buffer of `readBufferSize` bytes, so that a read allocates no
 * memory. The bytes are copied before the next read. Connections with TLS inside a tunnel do not use the buffer,
 * because Node does not support this.
 */
export const make = (dialer: Dialer, readBufferSize: number): Connector => {
  let buffer: Buffer | undefined
  const sessions = new WeakMap<SecureContext, Map<string, Buffer>>()
  /** Sockets that have completed their TLS handshake. */
  const secure = new WeakSet<TLSSocket>()

  const handshake = (socket: TLSSocket): Effect.Effect<void, ConnectionFailure> =>
    Effect.callback((resume) => {
      // Earlier events are not emitted again, so the state is checked first.
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
      const onClose = (): void => finish(Effect.fail(connectionClosed))
      socket.on("secureConnect", onSecure)
      socket.on("error", onError)
      socket.on("close", onClose)
      return Effect.sync(() => void socket.destroy())
    })

  /** Opens a connection that reads into `buffer`. */
  const openConnection = (
    open: (onread: { buffer: Uint8Array; callback: (count: number, bytes: Uint8Array) => boolean }) => Socket
  ): HttpConnection => {
    buffer ??= Buffer.allocUnsafeSlow(readBufferSize)
    const callback = (count: number, bytes: Uint8Array): boolean => {
      connection.receive(bytes.subarray(0, count))
      return true
    }
    const connection: HttpConnection = new HttpConnection(open({ buffer, callback }), true)
    return connection
  }

  /** Starts a TLS connection. If a session with the server is cached, resumes it to save most of the handshake. */
  const connectTls = (options: ConnectionOptions, server: Destination): TLSSocket => {
    // A resumed session does not check the name again, so the name is part of the key.
    const key = `${hostPort(server)} ${options.servername} ${options.rejectUnauthorized}`
    const context = options.secureContext as SecureContext
    const cached = sessions.get(context) ?? new Map<string, Buffer>()
    sessions.set(context, cached)
    const session = cached.get(key)
    const socket = tls.connect({
      ...socketOptions,
      ...options,
      ...(session === undefined ? {} : { session })
    })
    socket.on("error", ignore)
    socket.once("secureConnect", () => secure.add(socket))
    socket.on("session", (session) => {
      cached.delete(key)
      cached.set(key, session)
      const [oldest] = cached.keys()
      if (cached.size > maxSessions && oldest !== undefined) cached.delete(oldest)
    })
    socket.once("close", (hadError) => {
      if (hadError) cached.delete(key)
    })
    return socket
  }

  const connect: Connector["connect"] = (
    { proxy, proxySecureContext, server, tls: settings },
    timeout,
    onSocket
  ) => {
    const connections = new Map<Socket, HttpConnection>()
    const track = <S extends Socket>(socket: S): S => {
      socket.on("error", ignore)
      onSocket(socket)
      return socket
    }
    const openTracked = (open: Parameters<typeof openConnection>[0]): Socket => {
      const connection = openConnection((onread) => track(open(onread)))
      connections.set(connection.socket, connection)
      return connection.socket
    }
    const connectionOf = (socket: Socket): HttpConnection =>
      connections.get(socket) ?? new HttpConnection(socket, false)

    const direct = (to: Destination, tlsSettings: TlsSettings | undefined) =>
      Effect.gen(function* () {
        const { hostname, port } = to
        const socket = yield* dialer.dial(hostname, timeout, (host) =>
          openTracked((onread) =>
            tlsSettings === undefined
              ? net.connect({ ...socketOptions, host, port, onread })
              : connectTls(
                  { ...tlsOptions(tlsSettings, hostname), host, port, onread } as ConnectionOptions,
                  to
                )
          )
        )
        if (tlsSettings !== undefined) yield* handshake(socket as TLSSocket)
        return socket
      })

    /**
     * Opens a connection to a proxy, for a tunnel. The connection does not read into `buffer`, which other connections
     * share.
     */
    const toProxy = (to: Proxy) =>
      Effect.gen(function* () {
        const socket = yield* dialer.dial(to.hostname, timeout, (host) =>
          track(
            to.protocol === "http:"
              ? net.connect({ ...socketOptions, host, port: to.port })
              : connectTls(
                  { ...tlsOptions({ context: proxySecureContext() }, to.hostname), host, port: to.port },
                  to
                )
          )
        )
        if (to.protocol === "https:") yield* handshake(socket as TLSSocket)
        return socket
      })

    const tunneled = (by: Proxy, tlsSettings: TlsSettings) =>
      Effect.gen(function* () {
        isAtProxy = true
        const socket = yield* Effect.mapError(toProxy(by), asProxyFailure(by))
        yield* openTunnel(socket, by, hostPort(server))
        isAtProxy = false
        const inner = track(connectTls({ ...tlsOptions(tlsSettings, server.hostname), socket }, server))
        const connection = new HttpConnection(inner, false)
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
              const context = proxy.protocol === "https:" ? { context: proxySecureContext() } : undefined
              return Effect.mapBoth(direct(proxy, context), {
                onSuccess: connectionOf,
                onFailure: asProxyFailure(proxy)
              })
            })
          : tunneled(proxy, settings)
    return Effect.timeoutOrElse(made, {
      duration: timeout,
      orElse: () =>
        Effect.fail(
          proxy !== undefined && isAtProxy ? asProxyFailure(proxy)(connectTimedOut) : connectTimedOut
        )
    })
  }
  return { connect }
}
