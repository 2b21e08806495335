import { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as Connector from "@registry-packages-proxy/node-net/connect/Connector"
import * as Dialer from "@registry-packages-proxy/node-net/connect/Dialer"
import * as Client from "@registry-packages-proxy/node-net/Client"
import type { HttpResponse, HttpRequest } from "@registry-packages-proxy/node-net/http/HttpConnection"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import * as SecureContexts from "../src/tls/SecureContexts.ts"
import { Effect } from "effect"

/** The outcome of a request, either a response or a failure. `broken` is the failure of a response's body. */
export type Outcome =
  | {
      readonly status: number
      readonly headers: HttpResponse["headers"]
      readonly body: string
      readonly broken?: ConnectionFailure
    }
  | ConnectionFailure

/** Reads the whole body as Latin-1. Returns the response with this body. */
export const collect = ({ body, headers, status }: HttpResponse): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    let text = ""
    body.attach({
      onBytes: (bytes) => {
        text += Buffer.from(bytes).toString("latin1")
      },
      onEnd: (broken) =>
        resume(Effect.succeed({ status, headers, body: text, ...(broken === undefined ? {} : { broken }) }))
    })
  })

/** Makes a client for one server. The client uses no proxy unless `options.proxies` is set. */
export const clientOf = Effect.fnUntraced(function* (
  server: { readonly hostname: string; readonly port: number },
  options: Partial<Client.ClientOptions> & { readonly lookup?: Dialer.Lookup } = {}
) {
  const secureContexts = SecureContexts.make({})
  const connector = Connector.make(yield* Dialer.make(options.lookup), 64 * 1024)
  return yield* Client.make(connector, {
    server,
    tls: undefined,
    proxies: ProxySettings.none,
    proxySecureContext: () => secureContexts.withSystem([]),
    connectTimeout: "5 seconds",
    idleTimeout: "1 minute",
    maxConnections: 4,
    maxIdleConnections: 4,
    ...options
  })
})

export const neverAborted: AbortSignal = new AbortController().signal

/** Sends a request, by default GET, and returns its complete response or its failure. */
export const ask = (client: Client.Client, request: Partial<HttpRequest> = {}): Effect.Effect<Outcome> =>
  client
    .send(
      { method: "GET", target: "/", headers: { host: "server.test" }, ...request },
      { isIdempotent: request.method !== "POST", signal: neverAborted }
    )
    .pipe(
      Effect.matchEffect({ onSuccess: collect, onFailure: (failure) => Effect.succeed<Outcome>(failure) })
    )

/** Returns the failure of a request. Throws if the request has a response. */
export const failureOf = (outcome: Outcome): ConnectionFailure => {
  if (outcome instanceof ConnectionFailure) return outcome
  throw new Error(`the request did not fail: ${outcome.status}`)
}
