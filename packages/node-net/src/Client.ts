import { Effect, Redacted, Result, type Scope } from "effect"
import type { Socket } from "node:net"
import type { ConnectionFailure } from "./ConnectionFailure.ts"
import type { Connector, Route, TlsSettings } from "./connect/Connector.ts"
import { proxyWantsCredentials } from "./connect/Tunnel.ts"
import type { Destination } from "./proxy/NoProxy.ts"
import type { Proxy } from "./proxy/Proxy.ts"
import type { ProxySettings } from "./proxy/ProxySettings.ts"
import type { Answer, WireRequest } from "./http/HttpConnection.ts"
import * as HttpPool from "./http/HttpPool.ts"

export interface ClientOptions {
  readonly server: Destination
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined
  readonly proxies: ProxySettings
  readonly proxyContext: Route["proxyContext"]
  /** How long a connection may take, proxy and TLS handshake included, in milliseconds. */
  readonly connectMillis: number
  /** How long a connection is kept without use, in milliseconds. */
  readonly idleMillis: number
  /** The most connections at a time. */
  readonly maxConnections: number
  /** The most connections kept without use. */
  readonly maxIdle: number
}

/** Requests to one server, directly or through the proxy that is meant for it. */
export interface Client {
  /** As {@link HttpPool.HttpPool.send}. The target is the origin form, whatever stands between. */
  readonly send: HttpPool.HttpPool["send"]
  readonly retire: HttpPool.HttpPool["retire"]
}

/** What a proxy is told in place of what the server would be. Source: RFC 9112, section 3.2.2. */
const forProxy = (request: WireRequest, { authorization }: Proxy): WireRequest => ({
  ...request,
  target: `http://${request.headers["host"]}${request.target}`,
  headers: {
    ...request.headers,
    ...(authorization === undefined ? {} : { "proxy-authorization": Redacted.value(authorization) })
  }
})

const refusing = (failure: ConnectionFailure): Client => ({
  send: () => Effect.fail(failure),
  retire: () => {}
})

/** A client whose connections are closed with the scope. */
export const make = (
  connector: Connector,
  options: ClientOptions
): Effect.Effect<Client, never, Scope.Scope> => {
  const { connectMillis, idleMillis, maxConnections, maxIdle, proxies, proxyContext, server, tls } = options
  const route = proxies.proxyFor(tls === undefined ? "http:" : "https:", server)
  if (Result.isFailure(route)) return Effect.succeed(refusing(route.failure))
  const proxy = route.success
  const connect = (begun: (socket: Socket) => void) =>
    connector.connect({ server, tls, proxy, proxyContext }, connectMillis, begun)
  const pool = HttpPool.make({ connect, idleMillis, maxConnections, maxIdle })
  if (proxy === undefined || tls !== undefined) return pool
  return Effect.map(pool, ({ retire, send }) => ({
    retire,
    send: (request, options) =>
      Effect.flatMap(send(forProxy(request, proxy), options), (answer: Answer) => {
        // A server has no business with this status.
        if (answer.status !== 407) return Effect.succeed(answer)
        answer.body.abandon()
        return Effect.fail(proxyWantsCredentials(proxy))
      })
  }))
}
