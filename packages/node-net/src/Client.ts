import { type Duration, Effect, Redacted, Result, type Scope } from "effect"
import type { Socket } from "node:net"
import type { ConnectionFailure } from "./ConnectionFailure.ts"
import type { Connector, ConnectionRoute, TlsSettings } from "./connect/Connector.ts"
import { proxyAuthenticationRequired } from "./connect/Tunnel.ts"
import type { Destination } from "./proxy/NoProxy.ts"
import type { Proxy } from "./proxy/Proxy.ts"
import type { ProxySettings } from "./proxy/ProxySettings.ts"
import type { HttpResponse, HttpRequest } from "./http/HttpConnection.ts"
import * as HttpPool from "./http/HttpPool.ts"

export interface ClientOptions {
  readonly server: Destination
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined
  readonly proxies: ProxySettings
  readonly proxySecureContext: ConnectionRoute["proxySecureContext"]
  /** The maximum time to connect, including the proxy and the TLS handshake. */
  readonly connectTimeout: Duration.Input
  /** The time after which an idle connection is closed. */
  readonly idleTimeout: Duration.Input
  /** The maximum number of open connections. Further requests wait for a connection. */
  readonly maxConnections: number
  /** The maximum number of idle connections. A further connection is closed when it becomes idle. */
  readonly maxIdleConnections: number
}

/** Sends requests to one server, directly or through a proxy. */
export interface Client {
  /**
   * Sends a request, as {@link HttpPool.HttpPool.send} does. The request target is in origin form, even through a
   * proxy.
   */
  readonly send: HttpPool.HttpPool["send"]
  readonly retire: HttpPool.HttpPool["retire"]
}

/**
 * Returns the request in the form that a proxy expects, with Proxy-Authorization and a target in absolute form. Source:
 * RFC 9112, section 3.2.2.
 */
const forProxy = (request: HttpRequest, { authorization }: Proxy): HttpRequest => ({
  ...request,
  target: `http://${request.headers["host"]}${request.target}`,
  headers: {
    ...request.headers,
    ...(authorization === undefined ? {} : { "proxy-authorization": Redacted.value(authorization) })
  }
})

const failingClient = (failure: ConnectionFailure): Client => ({
  send: () => Effect.fail(failure),
  retire: () => {}
})

/**
 * Makes a client. Its connections are closed when the scope closes. If `options.proxies` returns a failure for
 * `options.server`, every request fails with this failure.
 */
export const make = (
  connector: Connector,
  options: ClientOptions
): Effect.Effect<Client, never, Scope.Scope> => {
  const { connectTimeout, idleTimeout, maxConnections, maxIdleConnections } = options
  const { proxies, proxySecureContext, server, tls } = options
  const route = proxies.proxyFor(tls === undefined ? "http:" : "https:", server)
  if (Result.isFailure(route)) return Effect.succeed(failingClient(route.failure))
  const proxy = route.success
  const connect = (onSocket: (socket: Socket) => void) =>
    connector.connect({ server, tls, proxy, proxySecureContext }, connectTimeout, onSocket)
  const pool = HttpPool.make({ connect, idleTimeout, maxConnections, maxIdleConnections })
  if (proxy === undefined || tls !== undefined) return pool
  return Effect.map(pool, ({ retire, send }) => ({
    retire,
    send: (request, options) =>
      Effect.flatMap(send(forProxy(request, proxy), options), (answer: HttpResponse) => {
        // Only a proxy answers with status 407.
        if (answer.status !== 407) return Effect.succeed(answer)
        answer.body.cancel()
        return Effect.fail(proxyAuthenticationRequired(proxy))
      })
  }))
}
