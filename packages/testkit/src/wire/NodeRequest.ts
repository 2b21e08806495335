import { Effect } from "effect"
import type { IncomingHttpHeaders } from "node:http"

const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")

/** The response that {@link nodeRequest} received. Its body may be incomplete. */
export interface NodeResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** True if the response is complete. False if the connection broke first. */
  readonly complete: boolean
}

/**
 * Sends one request by node:http or node:https on a new connection. Uses no code of registry-packages-proxy, so that a
 * test does not depend on that code. Fails with the error code, such as ECONNREFUSED, if no response arrives.
 */
export const nodeRequest = (
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    readonly ca?: string
    /** Called after each chunk, with the number of body bytes received so far. Return false to close the connection. */
    readonly onData?: (received: number) => boolean
  } = {}
): Effect.Effect<NodeResponse, string> =>
  Effect.callback<NodeResponse, string>((resume) => {
    const { body, onData, ...rest } = options
    const client = url.startsWith("https:") ? https : http
    const request = client.request(url, { agent: false, ...rest })
    let hasResponse = false
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (!hasResponse) resume(Effect.fail(error.code ?? error.message))
    })
    request.once("response", (response) => {
      hasResponse = true
      const chunks: Array<Buffer> = []
      let received = 0
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk)
        received += chunk.length
        if (onData?.(received) === false) request.destroy()
      })
      response.on("error", () => {})
      response.once("close", () =>
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
            complete: response.complete
          })
        )
      )
    })
    request.end(body)
    return Effect.sync(() => request.destroy())
  })
