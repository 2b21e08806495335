import { Effect } from "effect"
import { createServer, type Socket } from "node:net"
import { createServer as createTlsServer, TLSSocket } from "node:tls"
import type { IssuedCertificate } from "../machine/Certificates.ts"
import { listenScoped } from "./Listening.ts"

/** The bytes that a {@link RawServer} sends in response to a request. One character is one byte (Latin-1). */
export interface RawResponse {
  /**
   * The pieces of the response, in order. Each piece is written separately, so that it gets a TCP segment of its own.
   */
  readonly pieces: ReadonlyArray<string>
  /** The way in which the connection is closed after the response. If undefined, the connection stays open. */
  readonly ending?: "end" | "reset"
}

/** A request that a {@link RawServer} received. */
export interface RawRequest {
  readonly method: string
  readonly target: string
  /** Header fields by lowercase name. A repeated field has its last value. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Number of the connection, starting at 1. */
  readonly connectionNumber: number
}

/** Returns the response to a request, or undefined to send nothing. */
export type RawHandler = (request: RawRequest) => RawResponse | undefined

export interface RawServerOptions {
  readonly tls?: IssuedCertificate
  /** Called as soon as a connection is accepted. Connection numbers start at 1. */
  readonly onConnection?: (socket: Socket, connectionNumber: number) => void
}

/** A TCP or TLS server that reads HTTP/1.1 requests and sends exactly the bytes that a test gives. */
export interface RawServer {
  /** `host:port`. */
  readonly host: string
  readonly port: number
  readonly origin: string
  readonly requests: ReadonlyArray<RawRequest>
  /** Returns the number of connections accepted so far. */
  readonly acceptedConnections: () => number
  /** Returns the number of open connections. */
  readonly openConnections: () => number
}

/** Makes a response of exactly these bytes, in one piece. */
export const rawResponse = (text: string, ending?: "end" | "reset"): RawResponse => ({
  pieces: [text],
  ...(ending === undefined ? {} : { ending })
})

/**
 * Makes a valid HTTP/1.1 response with these header fields, a Content-Length and this body. One character of `body` is
 * one byte.
 */
export const withContentLength = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): RawResponse =>
  rawResponse(
    [
      `HTTP/1.1 ${status} status`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `content-length: ${body.length}`,
      "",
      body
    ].join("\r\n")
  )

const parse = (head: string, body: string, connectionNumber: number): RawRequest => {
  const [first = "", ...lines] = head.split("\r\n")
  const [method = "", target = ""] = first.split(" ")
  const fields = lines.map((line) => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return {
    method,
    target,
    headers: Object.fromEntries(fields) as Record<string, string>,
    body,
    connectionNumber
  }
}

/** Returns the first complete request in `bytes` and the bytes after it, or undefined if no request is complete. */
const takeRequest = (
  bytes: string,
  connectionNumber: number
): { readonly request: RawRequest; readonly rest: string } | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end === -1) return undefined
  const head = bytes.slice(0, end)
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  const rest = bytes.slice(end + 4)
  return rest.length < length
    ? undefined
    : { request: parse(head, rest.slice(0, length), connectionNumber), rest: rest.slice(length) }
}

const writeAll = (socket: Socket, { pieces, ending }: RawResponse): void => {
  const [piece, ...others] = pieces
  if (piece !== undefined) {
    socket.write(piece, "latin1", () =>
      setImmediate(() => writeAll(socket, { pieces: others, ...(ending && { ending }) }))
    )
  } else if (ending === "end") {
    socket.end()
  } else if (ending === "reset") {
    // Node can reset only connections without TLS.
    if (socket instanceof TLSSocket) socket.destroy()
    else socket.resetAndDestroy()
  }
}

/** Starts a server on a free loopback port. The end of the scope stops the server and closes all connections. */
export const make = Effect.fnUntraced(function* (handler: RawHandler, options: RawServerOptions = {}) {
  const { onConnection, tls } = options
  const requests: Array<RawRequest> = []
  const sockets = new Set<Socket>()
  let acceptedConnections = 0
  const onSocket = (socket: Socket): void => {
    const connectionNumber = ++acceptedConnections
    let bytes = ""
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    onConnection?.(socket, connectionNumber)
    socket.on("data", (data: Buffer) => {
      bytes += data.toString("latin1")
      for (let taken = takeRequest(bytes, connectionNumber); taken !== undefined;) {
        bytes = taken.rest
        requests.push(taken.request)
        const response = handler(taken.request)
        if (response !== undefined) writeAll(socket, response)
        taken = takeRequest(bytes, connectionNumber)
      }
    })
  }
  const server =
    tls === undefined
      ? createServer(onSocket)
      : // Accepts keys of any length, as old servers do.
        createTlsServer({ key: tls.key, cert: tls.chain, ciphers: "DEFAULT@SECLEVEL=0" }, onSocket)
  server.on("tlsClientError", () => {})
  const port = yield* listenScoped(server, () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const host = `127.0.0.1:${port}`
  const result: RawServer = {
    host,
    port,
    origin: `${tls === undefined ? "http" : "https"}://${host}`,
    requests,
    acceptedConnections: () => acceptedConnections,
    openConnections: () => sockets.size
  }
  return result
})
