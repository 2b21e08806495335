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

/** A response of the fake upstream server. */
export interface FakeResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /**
   * Undefined: the response ends after the body. `silence`: no bytes follow, and the response does not end. Any other
   * text: the connection breaks with an error whose code is this text.
   */
  readonly afterwards?: string
}

/** A request that the fake upstream server received. */
export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Handler = (
  request: ReceivedRequest,
  count: number
) => Effect.Effect<FakeResponse> | FakeResponse | { readonly code: string }

const transportError = (request: HttpClientRequest.HttpClientRequest, code: string) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({
      request,
      cause: Object.assign(new Error("secret-message"), { code })
    })
  })

// A body that sends no bytes, and fails when the request is aborted, as on a real connection.
const silence = (request: HttpClientRequest.HttpClientRequest, signal: AbortSignal) =>
  Stream.fromEffect(
    Effect.callback<never, HttpClientError.HttpClientError>((resume) => {
      signal.addEventListener("abort", () => resume(Effect.fail(transportError(request, "ABORT_ERR"))), {
        once: true
      })
    })
  )

const respond = (request: HttpClientRequest.HttpClientRequest, fake: FakeResponse, signal: AbortSignal) => {
  const headers = new Headers(fake.headers)
  const body = typeof fake.body === "string" ? new TextEncoder().encode(fake.body) : fake.body
  const response = HttpClientResponse.fromWeb(request, new Response(null, { status: fake.status, headers }))
  const start = body === undefined || body.length === 0 ? Stream.empty : Stream.succeed(body)
  const end =
    fake.afterwards === undefined
      ? Stream.empty
      : fake.afterwards === "silence"
        ? silence(request, signal)
        : Stream.fail(transportError(request, fake.afterwards))
  Object.defineProperty(response, "stream", { value: Stream.concat(start, end) })
  return response
}

const bodyOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

/**
 * Makes a `RegistryClient` layer over a fake `Upstream`. The fake records the received requests. `handler` makes the
 * responses.
 */
export const make = (handler: Handler) => {
  const requests: Array<ReceivedRequest> = []
  let open = 0
  const client = HttpClient.make(
    Effect.fnUntraced(function* (request, url, signal) {
      const received = {
        method: request.method,
        url: url.href,
        headers: request.headers,
        body: bodyOf(request)
      }
      requests.push(received)
      const answer = handler(received, requests.length)
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
    requests,
    /** Returns the number of responses whose scope is open. */
    open: () => open,
    paths: () => requests.map(({ url }) => new URL(url).pathname)
  }
}

export const source = (changes: Partial<RegistrySource> = {}): RegistrySource => ({
  scheme: "https",
  host: RegistryHost.make("registry.test"),
  repositoryPrefix: PathComponents.make(""),
  credential: anonymous,
  ca: undefined,
  sourceObject: "test",
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
