import type { Credential } from "@registry-packages-proxy/domain/Credential"
import { anonymous } from "@registry-packages-proxy/domain/Credential"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { PathComponents, RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import { Effect, Layer, Stream } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { RegistryClient } from "../src/RegistryClient.ts"
import type { Repository } from "../src/Repository.ts"
import { Upstream } from "../src/Upstream.ts"

/** An answer of the fake transport; a body of chunks stays open where silence follows. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** What follows the body in place of its end: an error with this code, or `silence`. */
  readonly afterwards?: string
}

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Handler = (
  asked: Asked,
  count: number
) => Effect.Effect<Answer> | Answer | { readonly code: string }

const transportError = (request: HttpClientRequest.HttpClientRequest, code: string) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({
      request,
      cause: Object.assign(new Error("secret-message"), { code })
    })
  })

// As a real transport: nothing comes until the request is given up, which is an error then.
const silence = (request: HttpClientRequest.HttpClientRequest, signal: AbortSignal) =>
  Stream.fromEffect(
    Effect.callback<never, HttpClientError.HttpClientError>((resume) => {
      signal.addEventListener("abort", () => resume(Effect.fail(transportError(request, "ABORT_ERR"))), {
        once: true
      })
    })
  )

const respond = (request: HttpClientRequest.HttpClientRequest, answer: Answer, signal: AbortSignal) => {
  const headers = new Headers(answer.headers)
  const body = typeof answer.body === "string" ? new TextEncoder().encode(answer.body) : answer.body
  const response = HttpClientResponse.fromWeb(request, new Response(null, { status: answer.status, headers }))
  const start = body === undefined || body.length === 0 ? Stream.empty : Stream.succeed(body)
  const end =
    answer.afterwards === undefined
      ? Stream.empty
      : answer.afterwards === "silence"
        ? silence(request, signal)
        : Stream.fail(transportError(request, answer.afterwards))
  Object.defineProperty(response, "stream", { value: Stream.concat(start, end) })
  return response
}

const bodyOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

/** A transport that answers by a function and records what it was asked. */
export const make = (handler: Handler) => {
  const asked: Array<Asked> = []
  let open = 0
  const client = HttpClient.make(
    Effect.fnUntraced(function* (request, url, signal) {
      const question = {
        method: request.method,
        url: url.href,
        headers: request.headers,
        body: bodyOf(request)
      }
      asked.push(question)
      const answer = handler(question, asked.length)
      if ("code" in answer) return yield* transportError(request, answer.code)
      const result = Effect.isEffect(answer) ? yield* answer : answer
      open++
      signal.addEventListener("abort", () => open--, { once: true })
      return respond(request, result, signal)
    })
  )
  const upstream = Upstream.of({ client: () => Effect.succeed(client) })
  return {
    layer: RegistryClient.layer.pipe(Layer.provide(Layer.succeed(Upstream, upstream))),
    asked,
    /** Answers whose scope is open. */
    open: () => open,
    paths: () => asked.map(({ url }) => new URL(url).pathname)
  }
}

export const source = (changes: Partial<RegistrySource> = {}): RegistrySource => ({
  scheme: "https",
  host: RegistryHost.make("registry.test"),
  base: PathComponents.make(""),
  credential: anonymous,
  ca: undefined,
  origin: "test",
  ...changes
})

export const repository = (
  credential: Credential = anonymous,
  changes: Partial<RegistrySource> = {}
): Repository => ({
  source: source({ credential, ...changes }),
  name: RepositoryName.make("some/packages")
})

export const host = (name: string): RegistryHost => RegistryHost.make(name)
