import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Equal, Hash, Layer, RcMap, References, type Scope } from "effect"
import { HttpClient } from "effect/http"
import { createHash, X509Certificate } from "node:crypto"
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls"
import * as NodeAgents from "./internal/NodeAgents.ts"
import * as NodeBody from "./internal/NodeBody.ts"
import { ConnectionFailed } from "./RegistryError.ts"
import { type Target, Upstream } from "./Upstream.ts"

export interface NodeUpstreamOptions {
  /** The environment that HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read from, in either case. Default: none. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** How long a connection may take, in milliseconds, TLS handshake included. Default: 5000. */
  readonly connectTimeoutMillis?: number
  /** How long connections, and the pools they are in, are kept without use, in milliseconds. Default: 60000. */
  readonly idleMillis?: number
  /** The most connections to one server at a time; more requests wait for one. Default: 256. */
  readonly maxSockets?: number
}

const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"]

const fingerprint = (target: Target): string =>
  createHash("sha256")
    .update(JSON.stringify([target.scheme, target.host, target.ca]))
    .digest("base64url")

/** A target whose equality costs a short hash, however long its certificates are. */
class PoolKey implements Equal.Equal {
  readonly target: Target
  readonly id: string

  constructor(target: Target) {
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

// Node passes over what it cannot read here, and one would wonder why the registry is not trusted.
const certificates = (pem: string): ReadonlyArray<string> => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error("no certificate")
  return blocks.map((block) => new X509Certificate(block).toString())
}

const trusting = (ca: string): Effect.Effect<SecureContext, ConnectionFailed> =>
  Effect.try({
    try: () => createSecureContext({ ca: [...getCACertificates("default"), ...certificates(ca)] }),
    catch: () =>
      new ConnectionFailed({
        kind: "certificate",
        detail: "the CA configured for this registry is not made of PEM certificates"
      })
  })

// Where its fibers yield between a connection's error and its close, Effect's client takes the one for an interruption, or
// waits for ever.
const withoutYields = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transform(client, (response) =>
    Effect.provideService(response, References.PreventSchedulerYield, true)
  )

/**
 * Connections through `node:http` and `node:https`, one pool of kept-alive connections for each server and CA, closed
 * when idle. (undici's pools cost about 10 MB of resident memory.)
 */
export const layer = (options: NodeUpstreamOptions = {}): Layer.Layer<Upstream> => {
  const { connectTimeoutMillis = 5000, environment = {}, idleMillis = 60_000, maxSockets = 256 } = options
  const proxyEnv = Object.fromEntries(
    proxyVariables.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]]))
  )
  return Layer.effect(
    Upstream,
    Effect.gen(function* () {
      // A context with its own CA holds 1.5 MB: pools that trust the same share one.
      const contexts = yield* RcMap.make({ lookup: trusting, idleTimeToLive: idleMillis })
      const pools = yield* RcMap.make({
        idleTimeToLive: idleMillis,
        lookup: Effect.fnUntraced(function* ({
          target
        }: PoolKey): Effect.fn.Return<HttpClient.HttpClient, ConnectionFailed, Scope.Scope> {
          const secureContext =
            target.ca === undefined || target.scheme === "http"
              ? undefined
              : yield* RcMap.get(contexts, target.ca)
          const agents = yield* NodeAgents.make({
            connectTimeoutMillis,
            idleMillis,
            maxSockets,
            proxyEnv,
            secureContext
          }).pipe(
            Effect.mapError(
              () =>
                new ConnectionFailed({
                  kind: "other",
                  detail: "HTTP_PROXY or HTTPS_PROXY is not the URL of a proxy"
                })
            )
          )
          return yield* NodeHttpClient.makeNodeHttp.pipe(
            Effect.provideService(NodeHttpClient.HttpAgent, agents),
            Effect.map((client) => NodeBody.fast(withoutYields(client)))
          )
        })
      })
      return Upstream.of({ client: (target) => RcMap.get(pools, new PoolKey(target)) })
    })
  )
}
