import type { Socket } from "node:net"
import { connectionClosed, ConnectionFailure, fromCause, invalidHttp } from "../ConnectionFailure.ts"
import { ChunkedDecoder } from "./ChunkedDecoder.ts"
import { framingOf } from "./Framing.ts"
import { HeadReader, type ResponseHead } from "./HeadReader.ts"
import { IncomingBody } from "./IncomingBody.ts"

/** A request that can be sent on a connection. All text is Latin-1, so that each character is one byte. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST"
  /** The request target, as in the request line. */
  readonly target: string
  /** Values by field name, including `host`. Content-Length is added if the request has a body or is a POST. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
}

/** The head of a response, and its body, which is not read yet. */
export interface HttpResponse {
  readonly status: number
  /** Latin-1 values by lowercase field name. Several values are joined by commas, except in `singleValued` fields. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: IncomingBody
}

/** Receives the outcome of a request. Exactly one of the functions is called, and only once. */
export interface ResponseListener {
  readonly onResponse: (response: HttpResponse) => void
  /** `isBeforeResponse` is true if the connection failed before the first byte of a response arrived. */
  readonly onFailure: (failure: ConnectionFailure, isBeforeResponse: boolean) => void
}

/** The object that a connection notifies when it becomes idle or is closed. */
export interface ConnectionOwner {
  readonly onIdle: (connection: HttpConnection) => void
  readonly onClosed: (connection: HttpConnection) => void
}

type BodyState =
  | { readonly _tag: "Length"; left: number }
  | { readonly _tag: "Chunked"; readonly decoder: ChunkedDecoder }
  | { readonly _tag: "Close" }

const notToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const notValue = /[^\t\x20-\x7e\x80-\xff]/
const notTarget = /[^\x21-\x7e\x80-\xff]/

/**
 * Fields with one value. If a response has several values of such a field, the first is used, as in Go's `Header.Get`.
 */
const singleValued: ReadonlySet<string> = new Set([
  "age",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "date",
  "docker-content-digest",
  "etag",
  "expires",
  "last-modified",
  "location",
  "retry-after",
  "server"
])

const headersOf = ({ fields }: ResponseHead): Readonly<Record<string, string>> => {
  const headers = Object.create(null) as Record<string, string>
  for (const [name, values] of fields)
    headers[name] = singleValued.has(name) ? (values[0] ?? "") : values.join(", ")
  return headers
}

/** Returns the bytes of a request. Undefined if its head has a character that HTTP does not allow. */
export const serializeRequest = ({ body, headers, method, target }: HttpRequest): Uint8Array | undefined => {
  const hasLength = body !== undefined || method === "POST"
  const fields = Object.entries(headers).filter(
    ([name]) => !hasLength || name.toLowerCase() !== "content-length"
  )
  if (hasLength) fields.push(["content-length", String(body?.length ?? 0)])
  const isInvalid =
    target === "" ||
    notTarget.test(target) ||
    fields.some(([name, value]) => name === "" || notToken.test(name) || notValue.test(value))
  if (isInvalid) return undefined
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    "",
    ""
  ]
  const head = Buffer.from(lines.join("\r\n"), "latin1")
  return body === undefined ? head : Buffer.concat([head, body])
}

/** The failure of a request with a character that HTTP does not allow, such as a line break in a bearer token. */
const invalidRequest = new ConnectionFailure({
  kind: "other",
  detail: "the request has a character that HTTP does not allow",
  isRetryable: false
})

/**
 * Sends HTTP/1.1 requests on one socket, one at a time. Does not use Node's parser, because Node's parser refuses some
 * responses that registries send and Go accepts. docs/registries.md has a table of such responses. The lenient modes of
 * Node's parser accept some of these responses, but are not safe.
 */
export class HttpConnection {
  readonly socket: Socket
  owner: ConnectionOwner | undefined
  /**
   * True after the first complete response, if the connection stays open. The server may close such a connection at any
   * time.
   */
  isReused = false
  readonly #isBorrowed: boolean
  #isClosed = false
  #method = ""
  #listener: ResponseListener | undefined
  #head: HeadReader | undefined
  #body: IncomingBody | undefined
  #reading: BodyState | undefined
  #isReusable = false

  /**
   * If `isBorrowed`, the caller passes the bytes of the socket to `receive`, and may overwrite them when `receive` has
   * returned. Otherwise, the connection itself listens to the socket.
   */
  constructor(socket: Socket, isBorrowed: boolean) {
    this.socket = socket
    this.#isBorrowed = isBorrowed
    if (!isBorrowed) socket.on("data", (bytes: Uint8Array) => this.receive(bytes))
    socket.on("error", (error) => this.#fail(fromCause(error)))
    socket.on("end", () => this.#onEnd())
    socket.on("close", () => this.#onEnd())
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.socket.destroyed && this.socket.writable
  }

  /** Sends a request, and reports its outcome to `listener`. Call it only when no other request is in progress. */
  send(request: HttpRequest, listener: ResponseListener): void {
    const bytes = serializeRequest(request)
    if (bytes === undefined) {
      this.#fail(connectionClosed)
      return listener.onFailure(invalidRequest, false)
    }
    if (!this.isOpen) {
      this.#fail(connectionClosed)
      return listener.onFailure(connectionClosed, true)
    }
    this.#method = request.method
    this.#listener = listener
    this.#head = new HeadReader()
    this.socket.write(bytes)
  }

  /** Handles bytes that were read from the socket. */
  receive(bytes: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#body !== undefined) this.#takeBody(this.#body, bytes)
    else if (this.#head !== undefined) this.#takeHead(this.#head, bytes)
    // An unsolicited response.
    else this.#fail(connectionClosed)
  }

  /** Closes the connection. A request in progress fails. */
  close(): void {
    this.#fail(connectionClosed)
  }

  #takeHead(reader: HeadReader, bytes: Uint8Array): void {
    const end = reader.take(bytes)
    if (end instanceof ConnectionFailure) return this.#fail(end)
    if (end === undefined) return
    const head = reader.finish()
    if (head instanceof ConnectionFailure) return this.#fail(head)
    const rest = bytes.subarray(end)
    if (head.status < 200 && head.status !== 101) {
      if (rest.length > 0) this.#takeHead(reader, rest)
      return
    }
    this.#startBody(head, rest)
  }

  /** Passes the response to the listener, then begins to deliver its body. `rest` contains the bytes after the head. */
  #startBody(head: ResponseHead, rest: Uint8Array): void {
    const framing = framingOf(head, this.#method)
    if (framing instanceof ConnectionFailure) return this.#fail(framing)
    const body: IncomingBody = new IncomingBody({
      pause: () => this.socket.pause(),
      resume: () => this.socket.resume(),
      close: () => this.close()
    })
    const listener = this.#listener
    this.#listener = undefined
    this.#head = undefined
    this.#body = body
    this.#isReusable = framing.isReusable
    const { end } = framing
    this.#reading =
      end._tag === "Length"
        ? { _tag: "Length", left: end.length }
        : end._tag === "Chunked"
          ? {
              _tag: "Chunked",
              decoder: new ChunkedDecoder((data) => body.deliver(data, this.#isBorrowed))
            }
          : end
    listener?.onResponse({ status: head.status, headers: headersOf(head), body })
    const isEmpty = end._tag === "Length" && end.length === 0
    if (this.#body === body && (isEmpty || rest.length > 0)) this.#takeBody(body, rest)
  }

  #takeBody(body: IncomingBody, bytes: Uint8Array): void {
    const reading = this.#reading
    if (reading?._tag === "Length") {
      const length = Math.min(reading.left, bytes.length)
      reading.left -= length
      if (length > 0) body.deliver(bytes.subarray(0, length), this.#isBorrowed)
      if (reading.left === 0 && this.#body === body) this.#complete(body, length < bytes.length)
    } else if (reading?._tag === "Chunked") {
      const length = reading.decoder.take(bytes)
      if (reading.decoder.isBroken) this.#fail(invalidHttp("the chunks of the response are not valid HTTP"))
      else if (reading.decoder.isDone && this.#body === body) this.#complete(body, length < bytes.length)
    } else {
      body.deliver(bytes, this.#isBorrowed)
    }
  }

  /**
   * Completes a response. If the connection is reusable, makes it idle before the body ends, so that the consumer's
   * next request can reuse it. Otherwise closes the connection.
   */
  #complete(body: IncomingBody, hasMore: boolean): void {
    this.#body = undefined
    this.#reading = undefined
    const { socket } = this
    if (this.#isReusable && !hasMore && this.isOpen && socket.writableLength === 0) {
      this.isReused = true
      // An idle connection must notice when the server closes it.
      socket.resume()
      this.owner?.onIdle(this)
    } else {
      this.#fail(connectionClosed)
    }
    body.end(undefined)
  }

  #onEnd(): void {
    if (!this.#isClosed && this.#body !== undefined && this.#reading?._tag === "Close") {
      return this.#complete(this.#body, false)
    }
    this.#fail(connectionClosed)
  }

  #fail(failure: ConnectionFailure): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const [listener, body, head] = [this.#listener, this.#body, this.#head]
    this.#listener = undefined
    this.#body = undefined
    this.#head = undefined
    this.socket.destroy()
    this.owner?.onClosed(this)
    listener?.onFailure(failure, (head?.length ?? 0) === 0)
    body?.end(failure)
  }
}
