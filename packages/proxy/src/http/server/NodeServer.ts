import { Duration } from "effect"
import { ProblemDetails } from "effect/http"
import { randomUUID } from "node:crypto"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import type { UnreadError } from "../request/UnreadRequest.ts"
import * as Refusals from "./Refusals.ts"

// `getBuiltinModule`, since an import declaration evaluates the module's lazy exports, which stay in memory.
const http = process.getBuiltinModule("node:http")

/**
 * A response to a request that was not read. `error` is the type of the request's error, for the log and the trace.
 * `fields` are additional header lines.
 */
interface Rejection {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly error: UnreadError
  readonly fields?: ReadonlyArray<string>
}

/** The responses to errors of Node's parser, by the error's code. */
const parserErrors: Readonly<Record<string, Rejection>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    title: "Request Header Fields Too Large",
    detail: `The request's head is longer than ${httpLimits.maxHeadBytes} bytes. Send fewer or shorter headers and parameters.`,
    error: "HeadTooLarge"
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    title: "Request Timeout",
    detail: "The request did not arrive in time. Send it in one piece.",
    error: "RequestTimedOut"
  }
}

const badRequest: Rejection = {
  status: 400,
  title: "Bad Request",
  detail: "The request is not valid HTTP/1.1 (RFC 9112). Check the client.",
  error: "RequestMalformed"
}

const noTunnel: Rejection = {
  status: 405,
  title: "Method Not Allowed",
  detail: "Send GET or HEAD: CONNECT is not supported.",
  error: "TunnelRefused",
  fields: ["allow: GET, HEAD"]
}

/**
 * Returns the response in progress on a connection, even if the head of the response is not sent yet. Undefined if
 * there is none.
 */
const responseOf = (socket: Duplex): ServerResponse | undefined => {
  // Node's default handler checks the same private field.
  const response: unknown = Reflect.get(socket, "_httpMessage")
  return response instanceof http.ServerResponse ? response : undefined
}

/** The time in milliseconds that a client has to read the response and to close its connection. */
const lingerMillis = 1000

/**
 * Writes a rejection directly to the socket, because Node has no response object for a request that it could not read,
 * or for CONNECT. Reports the request to `Refusals.watch` and closes the connection.
 */
const answer = (
  server: Server,
  socket: Socket,
  { detail, error, fields = [], status, title }: Rejection,
  request?: IncomingMessage
): void => {
  const requestId = randomUUID()
  const instance = `urn:uuid:${requestId}`
  const body = JSON.stringify({ type: ProblemDetails.blankType, status, title, detail, instance })
  // If a connection with unread bytes is closed, the client gets a reset instead of the response. So further bytes are
  // read and discarded until the client closes the connection, or until `lingerMillis` is over.
  const timer = setTimeout(() => socket.destroy(), lingerMillis)
  socket.once("close", () => clearTimeout(timer))
  socket.once("end", () => socket.destroy())
  socket.resume()
  Refusals.reportUnread(server, { status, error, requestId, socket, request })
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

/**
 * Rejects a request that Node could not read, for example because it is malformed, too slow or too long. Sends a
 * problem document and closes the connection. If the head of another response is already sent, closes the connection
 * without a response.
 */
export const rejectUnread = (
  server: Server,
  error: Error & { readonly code?: string },
  socket: Socket
): void => {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy()
  // If the head of a response in progress is sent, a rejection would be part of its body.
  if (responseOf(socket)?.headersSent === true) {
    Refusals.reportRefused(server, { reason: "unreadable", address: socket })
    return void socket.destroy()
  }
  answer(server, socket, parserErrors[error.code ?? ""] ?? badRequest)
}

/** Returns the options with which the server of each listener is constructed. */
export const serverOptions = (limits: HttpLimits) => ({
  maxHeaderSize: limits.maxHeadBytes,
  headersTimeout: Duration.toMillis(limits.headersTimeout),
  requestTimeout: Duration.toMillis(limits.requestTimeout),
  keepAliveTimeout: Duration.toMillis(limits.idleTimeout),
  connectionsCheckingInterval: Duration.toMillis(limits.checkInterval),
  // The application answers a missing Host header with a problem document.
  requireHostHeader: false,
  // Creates no stream for an empty body, which would cost as much as the head.
  optimizeEmptyRequests: true,
  // Ignores upgrades. Effect's server would accept them, and no limit applies to an upgraded connection.
  shouldUpgradeCallback: () => false,
  noDelay: true
})

/** Applies the limits and the event handlers that cannot be given to the constructor of a server. */
export const applyLimits = (server: Server, limits: HttpLimits): void => {
  // 0 means no limit. With a limit, Node would silently drop further header fields, whereas the application rejects the
  // request.
  server.maxHeadersCount = 0
  server.maxConnections = limits.maxConnections
  // Without this listener, Node would close the connection without a response.
  server.on("connect", (request, socket: Socket) => {
    socket.on("error", () => socket.destroy())
    // If a response is in progress, a rejection would be part of its body.
    if (responseOf(socket) !== undefined) {
      Refusals.reportRefused(server, { reason: "unreadable", address: socket })
      return void socket.destroy()
    }
    answer(server, socket, noTunnel, request)
  })
  server.on("drop", (address) => {
    Refusals.reportRefused(server, { reason: "too_many_connections", address: address ?? {} })
  })
  // An unknown expectation may be ignored (RFC 9110, section 10.1.1). Node would answer 417 without a problem document.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
}

/** Makes a plain HTTP server without a request handler. A test may override some of the program's limits. */
export const makePlainServer = (testLimits: Partial<HttpLimits> = {}): Server => {
  const limits = { ...httpLimits, ...testLimits }
  const server = http.createServer(serverOptions(limits))
  applyLimits(server, limits)
  server.on("clientError", (error, socket: Socket) => rejectUnread(server, error, socket))
  return server
}
