import type { Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import { ProblemDetails } from "effect/http"
import { Duration } from "effect"

// Not imported: an import evaluates the module's lazy exports, which stay in memory.
const http = process.getBuiltinModule("node:http")

/** The responses to errors of Node's parser: status, title and detail, by error code. */
const parserErrors: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    "Request Header Fields Too Large",
    `The request's head is longer than ${httpLimits.maxHeadBytes} bytes. Send fewer or shorter headers and parameters.`
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    "Request Timeout",
    "The request did not arrive in time. Send it in one piece."
  ]
}

const badRequest = [
  400,
  "Bad Request",
  "The request is not valid HTTP/1.1 (RFC 9112). Check the client."
] as const

/** The response in progress on a connection, with its head sent or not. */
const responseOf = (socket: Duplex): ServerResponse | undefined => {
  // Node's default handler checks the same private field.
  const response: unknown = Reflect.get(socket, "_httpMessage")
  return response instanceof http.ServerResponse ? response : undefined
}

/** The time that a client has to read the response and to close its connection. */
const lingerMillis = 1000

/** Writes a response to a connection for which Node has none, and closes the connection. */
const answer = (
  socket: Duplex,
  [status, title, detail]: readonly [number, string, string],
  ...fields: ReadonlyArray<string>
): void => {
  const body = JSON.stringify({ type: ProblemDetails.blankType, status, title, detail })
  // A connection closed with unread bytes is reset, and the response lost. A client might never close it.
  const timer = setTimeout(() => socket.destroy(), lingerMillis)
  socket.once("close", () => clearTimeout(timer))
  socket.once("end", () => socket.destroy())
  socket.resume()
  socket.end(
    [
      `HTTP/1.1 ${status} ${title}`,
      `content-type: ${ProblemDetails.contentType}`,
      `content-length: ${Buffer.byteLength(body)}`,
      "cache-control: no-store",
      "connection: close",
      ...fields,
      "",
      body
    ].join("\r\n")
  )
}

const noTunnel = [405, "Method Not Allowed", "Send GET or HEAD: CONNECT is not supported."] as const

/** Rejects a malformed request and closes the connection. */
export const rejectMalformed = (error: Error & { readonly code?: string }, socket: Socket): void => {
  // After the head of a response in progress, a rejection would be part of its body.
  const isAnswering = responseOf(socket)?.headersSent === true
  if (!socket.writable || error.code === "ECONNRESET" || isAnswering) return void socket.destroy()
  answer(socket, parserErrors[error.code ?? ""] ?? badRequest)
}

/** The constructor options of every listener's server. */
export const serverOptions = (limits: HttpLimits) => ({
  maxHeaderSize: limits.maxHeadBytes,
  headersTimeout: Duration.toMillis(limits.headersTimeout),
  requestTimeout: Duration.toMillis(limits.requestTimeout),
  keepAliveTimeout: Duration.toMillis(limits.idleTimeout),
  connectionsCheckingInterval: Duration.toMillis(limits.checkInterval),
  // The application answers a missing Host header with a problem.
  requireHostHeader: false,
  // A stream for an empty body costs as much as the head.
  optimizeEmptyRequests: true,
  // Effect's server accepts upgrades, and no limit applies to an upgraded connection.
  shouldUpgradeCallback: () => false,
  noDelay: true
})

/** Applies the limits and handlers that the constructor of a server does not accept. */
export const applyLimits = (server: Server, limits: HttpLimits): void => {
  // Node would silently drop further header fields; the application refuses the request.
  server.maxHeadersCount = 0
  server.maxConnections = limits.maxConnections
  // Node would close the connection without a response.
  server.on("connect", (_request, socket) => {
    socket.on("error", () => socket.destroy())
    // With a response in progress, a rejection would be part of its body.
    if (responseOf(socket) !== undefined) return void socket.destroy()
    answer(socket, noTunnel, "allow: GET, HEAD")
  })
  // An unknown expectation may be ignored (RFC 9110, section 10.1.1); Node would answer 417 without a problem.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
}

/** A plain HTTP server with the program's limits, or with those of a test. It has no request handler yet. */
export const makePlainServer = (testLimits: Partial<HttpLimits> = {}): Server => {
  const limits = { ...httpLimits, ...testLimits }
  const server = http.createServer(serverOptions(limits))
  applyLimits(server, limits)
  server.on("clientError", rejectMalformed)
  return server
}
