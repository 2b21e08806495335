import { type Headers, HttpServerResponse, ProblemDetails } from "effect/http"

/** An error response (RFC 9457). The first 200 bytes of `detail` say what to do. */
export interface Problem {
  readonly status: number
  readonly detail: string
  readonly headers?: Readonly<Record<string, string>>
  /** The type of the error, from a fixed set of names, for the log and the trace. The response does not contain it. */
  readonly error?: string
}

// The reason phrases of RFC 9110.
const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  416: "Range Not Satisfiable",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout"
}

/** The header that forbids caching, for errors and for the responses of probes and metrics. */
export const noStoreHeader = { "cache-control": "no-store" } as const

/**
 * Returns the `application/problem+json` response. Its `instance` contains the request id, which is also in the log
 * line.
 */
export const toResponse = (problem: Problem, requestId: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(
    ProblemDetails.toResponse({
      type: ProblemDetails.blankType,
      status: problem.status,
      title: titles[problem.status] ?? "Error",
      detail: problem.detail,
      instance: `urn:uuid:${requestId}`
    }),
    { ...noStoreHeader, ...problem.headers } satisfies Headers.Input
  )

export const badRequest = (detail: string): Problem => ({ status: 400, detail })

/** Returns the problem of a request for an unknown path. Its `detail` lists `paths`, the paths of all routes. */
export const unknownPath = (paths: ReadonlyArray<string>): Problem => ({
  status: 404,
  detail: `No such path. The paths are ${paths.join(", ")}.`
})

export const methodNotAllowed = (methods: ReadonlyArray<string>): Problem => ({
  status: 405,
  detail: `Only ${methods.join(" and ")} are allowed here.`,
  headers: { allow: methods.join(", ") }
})

export const shuttingDown: Problem = {
  status: 503,
  detail: "This proxy is shutting down. Ask another master node, or ask this one again in a few seconds.",
  headers: { "retry-after": "5", connection: "close" },
  error: "ShuttingDown"
}

/** The response to a package request if `HttpLimits.maxPackages` other package requests are in progress. */
export const tooManyInProgress: Problem = {
  status: 503,
  detail: "Too many requests are in progress. Ask another master node, or ask again in a second.",
  headers: { "retry-after": "1" },
  error: "TooManyRequests"
}

export const unsatisfiableRange = (size: number): Problem => ({
  status: 416,
  detail: `The range lies outside the package, which has ${size} bytes.`,
  headers: { "content-range": `bytes */${size}` }
})

export const internalError: Problem = {
  status: 500,
  detail: "The proxy has a bug. Its log has the cause; find it by this problem's instance.",
  error: "defect"
}
