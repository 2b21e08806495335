import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import * as Connector from "@registry-packages-proxy/node-net/connect/Connector"
import * as Dialer from "@registry-packages-proxy/node-net/connect/Dialer"
import * as Client from "@registry-packages-proxy/node-net/Client"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import * as SecureContexts from "@registry-packages-proxy/node-net/tls/SecureContexts"
import { type Duration, Effect, Equal, Hash, Layer, RcMap, Result, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import { createHash } from "node:crypto"
import type { SecureContext } from "node:tls"
import * as NodeClient from "./internal/node/NodeClient.ts"
import { ConnectionFailed } from "./RegistryError.ts"
import { type UpstreamTarget, Upstream } from "./Upstream.ts"

export interface NodeUpstreamOptions {
  /**
   * The environment variables. Only SSL_CERT_FILE, SSL_CERT_DIR, and HTTP_PROXY, HTTPS_PROXY and NO_PROXY in upper or
   * lower case are used. Default: none.
   */
  readonly env?: EnvironmentVariables
  /** The maximum time to connect to a server, including the proxy and the TLS handshake. Default: 5 seconds. */
  readonly connectTimeout?: Duration.Input
  /** The time after which idle connections and their pools are closed. Default: 1 minute. */
  readonly idleTimeout?: Duration.Input
  /** The maximum number of connections to one server. Further requests wait for a connection. Default: 256. */
  readonly maxConnections?: number
}

/** The maximum size of one read from a connection, in bytes. */
const readBufferSize = 256 * 1024

const fingerprint = ({ ca, host, scheme }: UpstreamTarget): string =>
  createHash("sha256")
    .update(JSON.stringify([scheme, host, ca]))
    .digest("base64url")

/** The key of a server's pool. Keys are compared by a hash, because the CA certificates may be long. */
class PoolKey implements Equal.Equal {
  readonly target: UpstreamTarget
  readonly id: string

  constructor(target: UpstreamTarget) {
    this.target = target
    this.id = fingerprint(target)
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof PoolKey && that.id === this.id
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

/** Returns the hostname (without brackets) and the port of a server. */
const destinationOf = ({ host, scheme }: UpstreamTarget) => {
  const [, hostname = "", port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? []
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === undefined ? (scheme === "http" ? 80 : 443) : Number(port)
  }
}

/**
 * Connects with the TCP, TLS and HTTP code of the package node-net. Each pair of server and CA has one connection pool.
 * A pool closes after it was idle for `idleTimeout`. If a proxy variable is invalid, `Upstream.client` fails for all
 * servers. registry-packages-proxy therefore checks these variables at start.
 */
export const layer = (options: NodeUpstreamOptions = {}): Layer.Layer<Upstream> => {
  const { connectTimeout = "5 seconds", env = {}, idleTimeout = "1 minute", maxConnections = 256 } = options
  return Layer.effect(
    Upstream,
    Effect.gen(function* () {
      const secureContexts = SecureContexts.make(env)
      const connector = Connector.make(yield* Dialer.make(), readBufferSize)
      const proxies = Result.mapError(
        ProxySettings.fromEnvironment(env),
        ({ reason, setting }) =>
          new ConnectionFailed({ kind: "proxy", detail: `${setting} cannot be used: ${reason}` })
      )
      const contextFor = (ca: string): Effect.Effect<SecureContext, ConnectionFailed> => {
        const { certificates } = PemCertificates.parse(ca)
        return certificates.length === 0
          ? Effect.fail(
              new ConnectionFailed({
                kind: "certificate",
                detail: "the CA configured for this registry holds no PEM certificate"
              })
            )
          : Effect.sync(() => secureContexts.withSystem(certificates))
      }
      // Pools with the same CA share a TLS context, since a context takes 1.5 MB.
      const contexts = yield* RcMap.make({ lookup: contextFor, idleTimeToLive: idleTimeout })
      const systemContext = Effect.sync(() => secureContexts.withSystem([]))
      const pools = yield* RcMap.make({
        idleTimeToLive: idleTimeout,
        lookup: Effect.fnUntraced(function* ({
          target
        }: PoolKey): Effect.fn.Return<HttpClient.HttpClient, ConnectionFailed, Scope.Scope> {
          const context = target.ca === undefined ? systemContext : RcMap.get(contexts, target.ca)
          const client = yield* Client.make(connector, {
            server: destinationOf(target),
            tls: target.scheme === "http" ? undefined : { context: yield* context },
            proxies: yield* Effect.fromResult(proxies),
            proxySecureContext: () => secureContexts.withSystem([]),
            connectTimeout,
            idleTimeout,
            maxConnections,
            maxIdleConnections: 16
          })
          return NodeClient.make(client)
        })
      })
      return Upstream.of({ client: (target) => RcMap.get(pools, new PoolKey(target)) })
    })
  )
}
