import { Effect } from "effect"
import type { IncomingHttpHeaders } from "node:http"
import { request as send } from "node:https"
import type { TLSSocket } from "node:tls"

/** Who asks, and how. */
export interface Asking {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Sent in the request line as it is, in place of the URL's path and query. */
  readonly target?: string
  readonly certificate?: { readonly chain: string; readonly key: string }
  /** The authority the server's certificate is held against; none: it is not looked at, as bootstrap clients do. */
  readonly ca?: string
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The server's certificate. */
  readonly fingerprint: string
}

/** One request over a connection of its own. */
export const ask = (url: string, asking: Asking = {}): Effect.Effect<Answer, Error> =>
  Effect.callback((resume) => {
    const { ca, certificate, headers, method = "GET", target, token } = asking
    const outgoing = send(
      url,
      {
        agent: false,
        method,
        rejectUnauthorized: ca !== undefined,
        ...(ca === undefined ? {} : { ca }),
        ...(certificate === undefined ? {} : { cert: certificate.chain, key: certificate.key }),
        ...(target === undefined ? {} : { path: target }),
        headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
      },
      (response) => {
        const chunks: Array<Buffer> = []
        const socket = response.socket as TLSSocket
        const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? ""
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", (cause) => resume(Effect.fail(cause)))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks),
              fingerprint
            })
          )
        )
      }
    )
    outgoing.on("error", (cause) => resume(Effect.fail(cause)))
    outgoing.end()
    return Effect.sync(() => outgoing.destroy())
  })

/** The status alone. */
export const statusOf = (url: string, asking?: Asking): Effect.Effect<number, Error> =>
  Effect.map(ask(url, asking), ({ status }) => status)
