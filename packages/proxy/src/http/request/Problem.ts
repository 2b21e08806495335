import { type Headers, HttpServerResponse, ProblemDetails } from "effect/http"

/** An error as a client sees it (RFC 9457). `detail` says what to do in its first 200 bytes. */
export interface Problem {
  readonly status: number
  readonly detail: string
  readonly headers?: Readonly<Record<string, string>>
  /** The type of the error, from a fixed set, for the log and the trace; the client does not see it. */
  readonly error?: string
}

// RFC 9110's reason phrases of the statuses this program answers with.
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

/** What nobody may keep: errors, and what is true only now. */
export const noStore = { "cache-control": "no-store" } as const

/** The `application/problem+json` answer; `requestId` becomes its `instance`, so that it can be found in the log. */
export const toResponse = (problem: Problem, requestId: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(
    ProblemDetails.toResponse({
      type: ProblemDetails.blankType,
      status: problem.status,
      title: titles[problem.status] ?? "Error",
      detail: problem.detail,
      instance: `urn:uuid:${requestId}`
    }),
    { ...noStore, ...problem.headers } satisfies Headers.Input
  )

export const badRequest = (detail: string): Problem => ({ status: 400, detail })

/** `paths` are those that exist. */
export const unknownPath = (paths: ReadonlyArray<string>): Problem => ({
  status: 404,
  detail: `No such path. The paths are ${paths.join(", ")}.`
})

export const methodNotAllowed = (methods: ReadonlyArray<string>): Problem => ({
  status: 405,
  detail: `Only ${methods.join(" and ")} are answered here.`,
  headers: { allow: methods.join(", ") }
})

export const shuttingDown: Problem = {
  status: 503,
  detail: "This proxy is shutting down. Ask another master node, or this one again in a few seconds.",
  headers: { "retry-after": "5", connection: "close" },
  error: "ShuttingDown"
}

export const tooManyRequests: Problem = {
  status: 503,
  detail:
    "This proxy has as many requests under way as it takes. Ask another master node, or again in a second.",
  headers: { "retry-after": "1" },
  error: "TooManyRequests"
}

export const unsatisfiableRange = (size: number): Problem => ({
  status: 416,
  detail: `The range lies outside the package, which has ${size} bytes.`,
  headers: { "content-range": `bytes */${size}` }
})

export const internal: Problem = {
  status: 500,
  detail:
    "The proxy failed in a way that is a bug of its own. Its log has the cause under this problem's instance.",
  error: "defect"
}
