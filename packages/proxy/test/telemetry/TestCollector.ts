import { Effect, type Scope } from "effect"
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import { gunzipSync } from "node:zlib"

const http = process.getBuiltinModule("node:http")

/** An export request that the collector received. `body` is decompressed. */
export interface ReceivedExport {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
}

/** Starts an OpenTelemetry collector on loopback that records export requests. `respond` writes each response. */
export const start = (
  respond: (response: ServerResponse) => void = (response) => void response.writeHead(200).end()
): Effect.Effect<
  { readonly url: string; readonly exports: ReadonlyArray<ReceivedExport> },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const exports: Array<ReceivedExport> = []
    const server = http.createServer((request, response) => {
      void readBody(request).then((body) => {
        exports.push({ path: request.url ?? "", headers: request.headers, body })
        respond(response)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, exports }
  })
