import { Effect } from "effect"
import type { IncomingHttpHeaders } from "node:http"
import { request as httpsRequest } from "node:https"
import type { TLSSocket } from "node:tls"

/** Options of `send`. Without options, it sends a GET request without credentials. */
export interface SecureRequestOptions {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Request target that is sent in place of the URL's path and query. It may contain dot segments, which a URL parser
   * would remove.
   */
  readonly target?: string
  readonly clientCertificate?: { readonly chain: string; readonly key: string }
  /** PEM of the CA that issued the server's certificate. If undefined, the certificate is not verified. */
  readonly ca?: string
}

export interface SecureResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** SHA-256 fingerprint of the server's certificate, in hexadecimal with colons. */
  readonly serverFingerprint: string
}

/**
 * Sends one request over a new connection and returns the response with its whole body. Fails if the connection fails
 * before the end of the body.
 */
export const send = (url: string, options: SecureRequestOptions = {}): Effect.Effect<SecureResponse, Error> =>
  Effect.callback((resume) => {
    const { ca, clientCertificate, headers, method = "GET", target, token } = options
    const outgoing = httpsRequest(
      url,
      {
        agent: false,
        method,
        rejectUnauthorized: ca !== undefined,
        ...(ca === undefined ? {} : { ca }),
        ...(clientCertificate === undefined
          ? {}
          : { cert: clientCertificate.chain, key: clientCertificate.key }),
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
              serverFingerprint: fingerprint
            })
          )
        )
      }
    )
    outgoing.on("error", (cause) => resume(Effect.fail(cause)))
    outgoing.end()
    return Effect.sync(() => outgoing.destroy())
  })

/** Sends one request over a new connection and returns the status of the response. */
export const statusOf = (url: string, options?: SecureRequestOptions): Effect.Effect<number, Error> =>
  Effect.map(send(url, options), ({ status }) => status)
