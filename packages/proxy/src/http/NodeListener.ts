import type { Server } from "node:http"
import type { Socket } from "node:net"
import { type Limits, limits } from "./Limits.ts"
import { ProblemDetails } from "effect/http"

// Importing node:http as ESM evaluates its lazy exports, which load an HTTP client and its 8 MB.
const http = process.getBuiltinModule("node:http")

/** What Node's parser refused, before there was a request to answer. */
const refusals: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    "Request Header Fields Too Large",
    `The request's head is longer than ${limits.headBytes} bytes. Send fewer or shorter headers and parameters.`
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
  "This is not a request HTTP/1.1 allows (RFC 9112). Check the client."
] as const

const refuse = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy()
  const [status, title, detail] = refusals[error.code ?? ""] ?? badRequest
  const body = JSON.stringify({ type: ProblemDetails.blankType, status, title, detail })
  socket.end(
    [
      `HTTP/1.1 ${status} ${title}`,
      `content-type: ${ProblemDetails.contentType}`,
      `content-length: ${Buffer.byteLength(body)}`,
      "cache-control: no-store",
      "connection: close",
      "",
      body
    ].join("\r\n")
  )
}

/**
 * A plain HTTP server with the limits of this program, or a test's own; Effect's server gives it its requests' answers.
 */
export const makePlain = (own: Partial<Limits> = {}): Server => {
  const inForce = { ...limits, ...own }
  const server = http.createServer({
    maxHeaderSize: inForce.headBytes,
    headersTimeout: inForce.headersTimeout,
    requestTimeout: inForce.requestTimeout,
    keepAliveTimeout: inForce.idleTimeout,
    connectionsCheckingInterval: inForce.checkInterval,
    // Answered by the application, as a problem.
    requireHostHeader: false,
    noDelay: true
  })
  // Node would drop what is beyond; the application refuses it.
  server.maxHeadersCount = 0
  server.maxConnections = inForce.connections
  server.on("clientError", refuse)
  return server
}
