import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import * as Connector from "@registry-packages-proxy/node-net/connect/Connector"
import * as Dialer from "@registry-packages-proxy/node-net/connect/Dialer"
import { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as Client from "@registry-packages-proxy/node-net/Client"
import type { HttpResponse } from "@registry-packages-proxy/node-net/http/HttpConnection"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import * as SecureContexts from "@registry-packages-proxy/node-net/tls/SecureContexts"
import { userAgent } from "@registry-packages-proxy/node-net/UserAgent"
import { Effect, Exit, Result, Scope } from "effect"
import type { SecureContext } from "node:tls"
import type { ApiRequest } from "../../ApiRequest.ts"
import { type ServerAccess, textOf } from "./ClusterAccess.ts"

/** The maximum time to connect, including the proxy and the TLS handshake. */
const connectTimeout = "5 seconds"

/** The time after which an idle connection is closed. API servers close idle connections later. */
const idleTimeout = "1 minute"

/**
 * The maximum number of concurrent connections. registry-packages-proxy uses fewer, because reviews in progress are
 * limited and watches are few.
 */
const maxConnections = 256

/** The maximum number of bytes in one read from a connection. */
const readSize = 64 * 1024

const unusable = (detail: string): ConnectionFailure =>
  new ConnectionFailure({ kind: "certificate", detail, isRetryable: false })

/**
 * Makes the TLS context of the connections. The context trusts the certificate authorities of the configuration, or the
 * system's authorities if the configuration has none. Logs a warning about PEM blocks that cannot be read.
 */
const contextOf = Effect.fnUntraced(function* (
  secureContexts: SecureContexts.SecureContexts,
  { tls }: ServerAccess
): Effect.fn.Return<SecureContext, ConnectionFailure> {
  const hasIdentity = textOf(tls.cert) !== "" && textOf(tls.key) !== ""
  const identity = hasIdentity ? { cert: tls.cert, key: tls.key } : undefined
  const { certificates, unreadableCount } = PemCertificates.parse(textOf(tls.ca))
  if (textOf(tls.ca) !== "" && certificates.length === 0) {
    return yield* unusable("the configured certificate authority holds no PEM certificate")
  }
  if (unreadableCount > 0) {
    yield* Effect.logWarning("certificate authority of the API server has unreadable PEM blocks", {
      broken: unreadableCount,
      read: certificates.length
    })
  }
  return yield* Effect.try({
    try: () =>
      certificates.length === 0
        ? secureContexts.withSystem([], identity)
        : secureContexts.withoutSystem(certificates, identity),
    catch: () => unusable("the configured client certificate or its key cannot be read")
  })
})

const proxiesOf = (
  { proxy }: ServerAccess,
  env: EnvironmentVariables
): Effect.Effect<ProxySettings.ProxySettings, ConnectionFailure> =>
  Effect.fromResult(
    Result.mapError(
      proxy === undefined
        ? ProxySettings.fromEnvironment(env)
        : ProxySettings.forAllServers(proxy, "the kubeconfig's proxy-url"),
      ({ reason, setting }) =>
        new ConnectionFailure({
          kind: "proxy",
          detail: `${setting} cannot be used: ${reason}`,
          isRetryable: false
        })
    )
  )

const targetOf = ({ server }: ServerAccess, { path, query }: ApiRequest): string => {
  const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`
  return `${server.pathname.replace(/\/$/, "")}${path}${search}`
}

/** The connections to one API server. */
export interface NodeConnections {
  /** Sends a request. When the scope closes, the connection is closed unless the response was read completely. */
  readonly send: (
    access: ServerAccess,
    request: ApiRequest
  ) => Effect.Effect<HttpResponse, ConnectionFailure, Scope.Scope>
}

/**
 * Makes a pool of connections. The connections are closed when the scope ends. Successive requests with the same
 * `connectionKey` share connections. `env` has the environment variables of the process. They name the system's trusted
 * certificates and the proxies. A `proxy-url` in the kubeconfig takes precedence over these proxies.
 */
export const make = Effect.fnUntraced(function* (
  env: EnvironmentVariables
): Effect.fn.Return<NodeConnections, never, Scope.Scope> {
  const secureContexts = SecureContexts.make(env)
  const connector = Connector.make(yield* Dialer.make(), readSize)
  let current: { readonly key: string; readonly client: Client.Client } | undefined
  let scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Effect.suspend(() => Scope.close(scope, Exit.void)))

  const clientOf = Effect.fnUntraced(function* (
    access: ServerAccess
  ): Effect.fn.Return<Client.Client, ConnectionFailure> {
    if (current?.key === access.connectionKey) return current.client
    const { protocol, hostname, port } = access.server
    const isSecure = protocol === "https:"
    const context = isSecure ? yield* contextOf(secureContexts, access) : undefined
    const proxies = yield* proxiesOf(access, env)
    // Requests on previous connections continue. These connections are not reused.
    current?.client.retire()
    scope = yield* Scope.make()
    const client = yield* Scope.provide(
      Client.make(connector, {
        server: {
          hostname: hostname.replace(/^\[|\]$/g, ""),
          port: port === "" ? (isSecure ? 443 : 80) : Number(port)
        },
        tls:
          context === undefined
            ? undefined
            : {
                context,
                serverName: access.tls.servername,
                verifyCertificate: access.tls.rejectUnauthorized !== false
              },
        proxies,
        proxySecureContext: () => secureContexts.withSystem([]),
        connectTimeout,
        idleTimeout,
        maxConnections,
        maxIdleConnections: 8
      }),
      scope
    )
    current = { key: access.connectionKey, client }
    return client
  }, Effect.uninterruptible)

  return {
    send: Effect.fnUntraced(function* (access, request) {
      const client = yield* clientOf(access)
      const controller = new AbortController()
      yield* Effect.addFinalizer(() => Effect.sync(() => controller.abort()))
      const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
      return yield* client.send(
        {
          method: request.method,
          target: targetOf(access, request),
          headers: {
            host: access.server.host,
            ...access.headers,
            accept: "application/json",
            "user-agent": userAgent,
            ...(body === undefined ? {} : { "content-type": "application/json" })
          },
          body
        },
        // All requests are treated as idempotent. Reviews are POST requests that change nothing.
        { isIdempotent: true, signal: controller.signal }
      )
    })
  }
})
