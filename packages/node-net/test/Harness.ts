import { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as Connector from "@registry-packages-proxy/node-net/connect/Connector"
import * as Dialer from "@registry-packages-proxy/node-net/connect/Dialer"
import * as Client from "@registry-packages-proxy/node-net/Client"
import type { Answer, WireRequest } from "@registry-packages-proxy/node-net/http/HttpConnection"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import * as TrustAnchors from "@registry-packages-proxy/node-net/tls/TrustAnchors"
import { Effect } from "effect"

/** What a request came to: an answer with its body, as far as it came, or no answer. */
export type Outcome =
  | {
      readonly status: number
      readonly headers: Answer["headers"]
      readonly body: string
      readonly broken?: ConnectionFailure
    }
  | ConnectionFailure

/** All of an answer's body, a character for each byte. */
export const collect = ({ body, headers, status }: Answer): Effect.Effect<Outcome> =>
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

/** A client of one server on loopback, directly unless told otherwise. */
export const clientOf = Effect.fnUntraced(function* (
  server: { readonly hostname: string; readonly port: number },
  options: Partial<Client.ClientOptions> & { readonly lookup?: Dialer.Lookup } = {}
) {
  const anchors = TrustAnchors.make({})
  const connector = Connector.make(yield* Dialer.make(options.lookup), 64 * 1024)
  return yield* Client.make(connector, {
    server,
    tls: undefined,
    proxies: ProxySettings.none,
    proxyContext: () => anchors.besideSystem([]),
    connectMillis: 5000,
    idleMillis: 60_000,
    maxConnections: 4,
    maxIdle: 4,
    ...options
  })
})

export const never: AbortSignal = new AbortController().signal

/** Asks and reads all. */
export const ask = (client: Client.Client, request: Partial<WireRequest> = {}): Effect.Effect<Outcome> =>
  client
    .send(
      { method: "GET", target: "/", headers: { host: "server.test" }, ...request },
      { isRepeatable: request.method !== "POST", signal: never }
    )
    .pipe(
      Effect.matchEffect({ onSuccess: collect, onFailure: (failure) => Effect.succeed<Outcome>(failure) })
    )

/** What a request failed with. */
export const failureOf = (outcome: Outcome): ConnectionFailure => {
  if (outcome instanceof ConnectionFailure) return outcome
  throw new Error(`an answer came: ${outcome.status}`)
}
