import type { Socket } from "node:net"
import { closedEarly, ConnectionFailure, fromCause, notHttp } from "../ConnectionFailure.ts"
import { ChunkedDecoder } from "./ChunkedDecoder.ts"
import { framingOf } from "./Framing.ts"
import { type Head, HeadReader } from "./HeadReader.ts"
import { IncomingBody } from "./IncomingBody.ts"

/** A request as it goes onto a connection. Text has a character for each byte. */
export interface WireRequest {
  readonly method: "GET" | "HEAD" | "POST"
  /** What stands in the request line. */
  readonly target: string
  /** By name, `host` included; Content-Length is added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
}

/** An answer's head, its body still to be read. */
export interface Answer {
  readonly status: number
  /** Values by name in lowercase: those of lists joined, else the first one. A character for each byte. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: IncomingBody
}

/** Hears once what became of a request. */
export interface AnswerListener {
  readonly onAnswer: (answer: Answer) => void
  /** `isUntouched`: not a byte of an answer had come. */
  readonly onFailure: (failure: ConnectionFailure, isUntouched: boolean) => void
}

/** Hears of a connection between requests. */
export interface ConnectionOwner {
  readonly onIdle: (connection: HttpConnection) => void
  readonly onClosed: (connection: HttpConnection) => void
}

/** The reading of one answer's body. */
type BodyReading =
  | { readonly _tag: "Length"; left: number }
  | { readonly _tag: "Chunked"; readonly decoder: ChunkedDecoder }
  | { readonly _tag: "Close" }

const unfitToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const unfitValue = /[^\t\x20-\x7e\x80-\xff]/
const unfitTarget = /[^\x21-\x7e\x80-\xff]/

/** Fields of which several values are no list. The first counts, as in Go's `Header.Get`. */
const singular: ReadonlySet<string> = new Set([
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

const headersOf = ({ fields }: Head): Readonly<Record<string, string>> => {
  const headers = Object.create(null) as Record<string, string>
  for (const [name, values] of fields)
    headers[name] = singular.has(name) ? (values[0] ?? "") : values.join(", ")
  return headers
}

/** A request's bytes; undefined where it holds what HTTP does not allow. */
export const bytesOf = ({ body, headers, method, target }: WireRequest): Uint8Array | undefined => {
  const hasLength = body !== undefined || method === "POST"
  const fields = Object.entries(headers).filter(
    ([name]) => !hasLength || name.toLowerCase() !== "content-length"
  )
  if (hasLength) fields.push(["content-length", String(body?.length ?? 0)])
  const isUnfit =
    target === "" ||
    unfitTarget.test(target) ||
    fields.some(([name, value]) => name === "" || unfitToken.test(name) || unfitValue.test(value))
  if (isUnfit) return undefined
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    "",
    ""
  ]
  const head = Buffer.from(lines.join("\r\n"), "latin1")
  return body === undefined ? head : Buffer.concat([head, body])
}

/** The failure of a request that holds what HTTP does not allow, as a token with a line break in it. */
const unfitRequest = new ConnectionFailure({
  kind: "other",
  detail: "the request would hold a character that HTTP does not allow",
  isPassing: false
})

/**
 * HTTP/1.1 on one socket, one request at a time. Own code since Node's parser refuses what registries and the proxies
 * before them do send and Go takes, or hangs in its lenient mode: docs/registries.md has the table.
 */
export class HttpConnection {
  readonly socket: Socket
  /** Who has it hears when it can be used for another request, and when it is gone. */
  owner: ConnectionOwner | undefined
  /** It has answered a request: the other side may have given it up by now. */
  isReused = false
  readonly #isBorrowed: boolean
  #isClosed = false
  #method = ""
  #listener: AnswerListener | undefined
  #head: HeadReader | undefined
  #body: IncomingBody | undefined
  #reading: BodyReading | undefined
  #isKept = false

  /** `isBorrowed`: whoever made the socket calls `receive` with memory that is read into again. */
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

  /** Sends a request; to be called only while none is being answered. */
  send(request: WireRequest, listener: AnswerListener): void {
    const bytes = bytesOf(request)
    if (bytes === undefined) {
      this.#fail(closedEarly)
      return listener.onFailure(unfitRequest, false)
    }
    if (!this.isOpen) {
      this.#fail(closedEarly)
      return listener.onFailure(closedEarly, true)
    }
    this.#method = request.method
    this.#listener = listener
    this.#head = new HeadReader()
    this.socket.write(bytes)
  }

  /** Takes what the socket has read. */
  receive(bytes: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#body !== undefined) this.#takeBody(this.#body, bytes)
    else if (this.#head !== undefined) this.#takeHead(this.#head, bytes)
    // Nobody asked for anything.
    else this.#fail(closedEarly)
  }

  /** Gives the connection up: who waits for an answer or for more of it hears that there is none. */
  close(): void {
    this.#fail(closedEarly)
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
    this.#begin(head, rest)
  }

  /** `rest` came in one piece with the head. */
  #begin(head: Head, rest: Uint8Array): void {
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
    this.#isKept = framing.isKept
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
    listener?.onAnswer({ status: head.status, headers: headersOf(head), body })
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
      if (reading.decoder.isBroken) this.#fail(notHttp("the chunks of the answer are not valid HTTP"))
      else if (reading.decoder.isDone && this.#body === body) this.#complete(body, length < bytes.length)
    } else {
      body.deliver(bytes, this.#isBorrowed)
    }
  }

  /** All of an answer is here. Whoever asks next, because it is, finds the connection free. */
  #complete(body: IncomingBody, hasMore: boolean): void {
    this.#body = undefined
    this.#reading = undefined
    const { socket } = this
    if (this.#isKept && !hasMore && this.isOpen && socket.writableLength === 0) {
      this.isReused = true
      // Its end must be seen, however slowly the body is taken.
      socket.resume()
      this.owner?.onIdle(this)
    } else {
      this.#fail(closedEarly)
    }
    body.end(undefined)
  }

  #onEnd(): void {
    if (!this.#isClosed && this.#body !== undefined && this.#reading?._tag === "Close") {
      return this.#complete(this.#body, false)
    }
    this.#fail(closedEarly)
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
