import type { ApiRequest } from "@registry-packages-proxy/kubernetes/ApiRequest"
import { Effect, Predicate, Stream, Duration } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { IssuedCertificate } from "../machine/Certificates.ts"
import type { FakeKubernetes } from "./FakeKubernetes.ts"
import * as RegistryServer from "../registry/RegistryServer.ts"

/** A fake Kubernetes API server that listens on loopback. */
export interface FakeKubernetesHttp {
  /** `scheme://host:port`. */
  readonly origin: string
  /** The Authorization field of each request, in the order of arrival. Undefined for a request without the field. */
  readonly authorizations: Array<string | undefined>
  /** Returns the number of open connections. */
  readonly openConnections: () => number
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

/** Writes a chunk. If the buffer of the response is full, waits for `drain`. */
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

const respond = Effect.fnUntraced(function* (
  api: FakeKubernetes,
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

/**
 * Serves a fake API server on a free loopback port until the scope ends. A request gets 401 if `accepts` returns false
 * for its Authorization field. By default, all requests are accepted.
 */
export const listen = Effect.fnUntraced(function* (
  api: FakeKubernetes,
  options: {
    readonly tls?: IssuedCertificate
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
        return respond(api, request, response, options.accepts ?? (() => true))
      }).pipe(
        // If the server is down, the client sees a closed connection.
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
  const listening: FakeKubernetesHttp = { origin: server.origin, authorizations, openConnections: () => open }
  return listening
})
