import type { Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type Limits, limits } from "../request/Limits.ts"
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

/** The answer in progress on a connection, its head sent or not. */
const answerOf = (socket: Duplex): ServerResponse | undefined => {
  // Node keeps it there; its own refusal, which ours replaces, looks at the same.
  const response: unknown = Reflect.get(socket, "_httpMessage")
  return response instanceof http.ServerResponse ? response : undefined
}

/** How long a client has to take such an answer and to close its connection. */
const lingerMillis = 1000

/** Answers on a connection that Node has no response for, and closes it. */
const answer = (
  socket: Duplex,
  [status, title, detail]: readonly [number, string, string],
  ...fields: ReadonlyArray<string>
): void => {
  const body = JSON.stringify({ type: ProblemDetails.blankType, status, title, detail })
  // Closed with bytes unread it would be reset, and the answer lost; left to the client it might never be closed.
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

const noTunnel = [405, "Method Not Allowed", "Send GET or HEAD: no tunnels are opened here."] as const

/** Answers what is no request this program reads, and closes the connection. */
export const refuse = (error: Error & { readonly code?: string }, socket: Socket): void => {
  // A refusal behind an answer under way would be taken for bytes of its body.
  const isAnswering = answerOf(socket)?.headersSent === true
  if (!socket.writable || error.code === "ECONNRESET" || isAnswering) return void socket.destroy()
  answer(socket, refusals[error.code ?? ""] ?? badRequest)
}

/** What every listener's server is made with. */
export const serverOptions = (inForce: Limits) => ({
  maxHeaderSize: inForce.headBytes,
  headersTimeout: inForce.headersTimeout,
  requestTimeout: inForce.requestTimeout,
  keepAliveTimeout: inForce.idleTimeout,
  connectionsCheckingInterval: inForce.checkInterval,
  // Answered by the application, as a problem.
  requireHostHeader: false,
  // A stream for a body that is not there costs as much as the head.
  optimizeEmptyRequests: true,
  // Effect's server takes upgrades, and a connection handed to them is outside of every limit.
  shouldUpgradeCallback: () => false,
  noDelay: true
})

/** Sets on a listener's server what its constructor does not take. */
export const bound = (server: Server, inForce: Limits): void => {
  // Node would drop what is beyond; the application refuses it.
  server.maxHeadersCount = 0
  server.maxConnections = inForce.connections
  // Node would close the connection without a word.
  server.on("connect", (_request, socket) => {
    socket.on("error", () => socket.destroy())
    // The end of a body may hide it: what is written now would be taken for the answer in progress.
    if (answerOf(socket) !== undefined) return void socket.destroy()
    answer(socket, noTunnel, "allow: GET, HEAD")
  })
  // An expectation nobody knows may be passed over (RFC 9110, section 10.1.1); Node would answer 417 without a problem.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
}

/**
 * A plain HTTP server with the limits of this program, or a test's own; Effect's server gives it its requests' answers.
 */
export const makePlain = (own: Partial<Limits> = {}): Server => {
  const inForce = { ...limits, ...own }
  const server = http.createServer(serverOptions(inForce))
  bound(server, inForce)
  server.on("clientError", refuse)
  return server
}
