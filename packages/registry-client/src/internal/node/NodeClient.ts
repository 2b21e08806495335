import * as BodyReader from "@registry-packages-proxy/node-net/http/BodyReader"
import type { Client } from "@registry-packages-proxy/node-net/Client"
import type { HttpResponse } from "@registry-packages-proxy/node-net/http/HttpConnection"
import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Effect, Inspectable, Option, Pipeable, Result, type Schema, Stream } from "effect"
import {
  Cookies,
  Headers,
  HttpClient,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "effect/http"
import { CurrentReadBuffers } from "../wire/Body.ts"

/** The number of bytes of a body to buffer for its consumer, before the connection is paused. */
const readAhead = 512 * 1024

type ClientError = HttpClientError.HttpClientError

const decoder = new TextDecoder()

/**
 * A response whose body is read into {@link CurrentReadBuffers}. If `CurrentReadBuffers` is undefined, the body is read
 * into new memory.
 */
class NodeResponse
  extends Inspectable.Class
  implements HttpClientResponse.HttpClientResponse, Pipeable.Pipeable
{
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  readonly remoteAddress = Option.none<string>()
  readonly stream: Stream.Stream<Uint8Array, ClientError>

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    url: string,
    { body, headers, status }: HttpResponse
  ) {
    super()
    this.request = request
    this.url = url
    this.status = status
    this.headers = Headers.fromInput(Object.entries(headers))
    const open = Effect.flatMap(CurrentReadBuffers, (buffers) =>
      BodyReader.open(body, { readAhead, buffers })
    )
    this.stream = Stream.scoped(Stream.fromPull(open)).pipe(Stream.mapError((cause) => this.#failed(cause)))
  }

  #failed(cause: unknown): ClientError {
    return new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: this.request, response: this, cause })
    })
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, ClientError> {
    return Effect.map(
      Stream.runCollect(this.stream),
      (chunks) => new Uint8Array(Buffer.concat(chunks)).buffer
    )
  }

  get text(): Effect.Effect<string, ClientError> {
    return Effect.map(this.arrayBuffer, (bytes) => decoder.decode(bytes))
  }

  get json(): Effect.Effect<Schema.Json, ClientError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({ try: () => JSON.parse(text) as Schema.Json, catch: (cause) => this.#failed(cause) })
    )
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, ClientError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<never, ClientError> {
    return Effect.fail(this.#failed(new Error("form data is not supported")))
  }

  get cookies(): Cookies.Cookies {
    return Cookies.fromSetCookie(this.headers["set-cookie"] ?? [])
  }

  get upgrade(): Effect.Effect<never, ClientError> {
    return Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.StatusCodeError({
          request: this.request,
          response: this,
          description: "upgrades are not supported"
        })
      })
    )
  }

  override toJSON(): unknown {
    return { _id: HttpClientResponse.TypeId, request: this.request.toJSON(), status: this.status }
  }

  pipe(): unknown {
    return Pipeable.pipeArguments(this, arguments)
  }
}

const failed = (request: HttpClientRequest.HttpClientRequest, cause: unknown): ClientError =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

const methodOf = ({ method }: HttpClientRequest.HttpClientRequest): "GET" | "HEAD" | "POST" | undefined =>
  method === "GET" || method === "HEAD" || method === "POST" ? method : undefined

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): Option.Option<Uint8Array | undefined> =>
  body._tag === "Empty"
    ? Option.some(undefined)
    : body._tag === "Uint8Array"
      ? Option.some(body.body)
      : Option.none()

// Parses the text of a request's URL, since `URL` may change its bytes.
const urlOf = ({ url: text, urlParams }: HttpClientRequest.HttpClientRequest, url: URL) =>
  HttpUrl.parse(urlParams.params.length === 0 ? text : url.href)

/** Makes an `HttpClient` for one server. The client sends the path and query of a URL byte for byte. */
export const make = (client: Client): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) => {
    const address = urlOf(request, url)
    const method = methodOf(request)
    const body = bodyOf(request)
    if (Result.isFailure(address)) {
      return Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.InvalidUrlError({ request, cause: address.failure })
        })
      )
    }
    if (method === undefined || Option.isNone(body)) {
      return Effect.die(
        new Error("unsupported request; accepted: GET, HEAD or POST, without a body or with a body of bytes")
      )
    }
    const { authority, target } = address.success
    const headers = { host: authority, ...request.headers }
    return client
      .send({ method, target, headers, body: body.value }, { isIdempotent: method !== "POST", signal })
      .pipe(
        Effect.mapBoth({
          onSuccess: (received) => new NodeResponse(request, url.href, received),
          onFailure: (failure) => failed(request, failure)
        })
      )
  })
