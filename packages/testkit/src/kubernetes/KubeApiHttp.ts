import type { ApiRequest } from "@registry-packages-proxy/kubernetes/ApiServer"
import { Effect, Predicate, Stream, Duration } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { ServerCertificate } from "../machine/Certificates.ts"
import type { KubeApi } from "./KubeApi.ts"
import * as RegistryServer from "../registry/RegistryServer.ts"

/** A fake API server that listens. */
export interface KubeApiHttp {
  /** `scheme://host:port`. */
  readonly origin: string
  /** What each request was authenticated with, in order. */
  readonly authorizations: Array<string | undefined>
  /** Connections that are open. */
  readonly connections: () => number
}

const readBody = (request: IncomingMessage) =>
  Effect.callback<unknown>((resume) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString()
      resume(Effect.sync(() => (text === "" ? undefined : (JSON.parse(text) as unknown))))
    })
  })

/** Writes a chunk, and waits while the client does not read. */
const write = (response: ServerResponse, chunk: Uint8Array) =>
  Effect.callback<void>((resume) => {
    if (response.write(chunk)) return resume(Effect.void)
    response.once("drain", () => resume(Effect.void))
  })

const gone = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    if (response.destroyed) return resume(Effect.void)
    response.once("close", () => resume(Effect.void))
  })

const answer = Effect.fnUntraced(function* (
  api: KubeApi,
  request: IncomingMessage,
  response: ServerResponse,
  accepts: (authorization: string | undefined) => boolean
) {
  const url = new URL(request.url ?? "/", "http://fake")
  const body = yield* readBody(request)
  if (!accepts(request.headers.authorization)) {
    response.writeHead(401, { "content-type": "application/json" })
    response.end(JSON.stringify({ kind: "Status", code: 401, reason: "Unauthorized" }))
    return
  }
  const asked: ApiRequest = {
    method: request.method === "POST" ? "POST" : "GET",
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    ...(Predicate.isUndefined(body) ? {} : { body })
  }
  const head = yield* api.send(asked)
  const { retryAfter, status } = head
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter === undefined ? {} : { "retry-after": String(Duration.toSeconds(retryAfter)) })
  })
  response.flushHeaders()
  yield* Stream.runForEach(head.body, (chunk) => write(response, chunk))
  response.end()
}, Effect.scoped)

/** Listens on a loopback port, with the scope; `accepts` says which credentials are good: all unless told. */
export const listen = Effect.fnUntraced(function* (
  api: KubeApi,
  options: {
    readonly tls?: ServerCertificate
    readonly accepts?: (authorization: string | undefined) => boolean
  } = {}
) {
  const server = yield* RegistryServer.make({ host: "127.0.0.1", tls: options.tls })
  const authorizations: Array<string | undefined> = []
  let open = 0
  server.serve(
    (request, response) =>
      Effect.suspend(() => {
        authorizations.push(request.headers.authorization)
        return answer(api, request, response, options.accepts ?? (() => true))
      }).pipe(
        // What a client is told of a server that is down: nothing.
        Effect.catch(() => Effect.sync(() => void response.destroy())),
        Effect.raceFirst(gone(response))
      ),
    () =>
      Effect.sync(() => {
        open += 1
        return Effect.sync(() => {
          open -= 1
        })
      })
  )
  const listening: KubeApiHttp = { origin: server.origin, authorizations, connections: () => open }
  return listening
})
