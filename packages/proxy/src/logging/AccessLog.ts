import { type Cause, Context, Effect, Tracer } from "effect"

/**
 * The fields of a request's log line. They contain no secret. Only `method` and `digest` contain text from the request,
 * and `digest` is a valid digest.
 */
export interface AccessEntry {
  readonly method: string
  /** The name of the route, from a fixed set. It is never the path. */
  readonly route: string
  readonly status: number
  /** The number of body bytes that were written to the connection. */
  readonly bytes: number
  readonly seconds: number
  readonly cache?: string | undefined
  /** The host of the registry to which the program sent requests for the package. Undefined if there is none. */
  readonly upstream?: string | undefined
  /** The remote address of the connection. It is a proxy's address if the client connects through a proxy. */
  readonly clientAddress?: string | undefined
  /** The name of the user whom the secure port authenticated. Undefined if there is none. */
  readonly user?: string | undefined
  readonly requestId: string
  /** True if the response began but could not be completed. */
  readonly aborted?: boolean | undefined
  /** The type of the request's error, from a fixed set of names. Undefined if there is no error. */
  readonly error?: string | undefined
  /** True if a listener rejected the request before the application received it. `route` is then `unknown`. */
  readonly unread?: boolean | undefined
  /** The requested digest, if the request failed with an `error`. */
  readonly digest?: string | undefined
}

/** The message of a request's log line. */
export const message = "request"

/** Logs one request. `span` is the request's span, and `cause` is the cause of its failure. */
export type LogRequest = (
  entry: AccessEntry,
  span: Tracer.AnySpan | undefined,
  cause?: Cause.Cause<unknown>
) => void

/**
 * Returns the level of a request's log line. It is `Error` for a defect of this program. It is `Warn` for any other 5xx
 * status, and for a response that was aborted although the client did not disconnect. It is `Info` for all other
 * requests.
 */
export const levelOf = ({ aborted, error, status }: AccessEntry): "Info" | "Warn" | "Error" =>
  error === "defect"
    ? "Error"
    : status >= 500 || (aborted === true && error !== undefined && error !== "ClientGone")
      ? "Warn"
      : "Info"

/**
 * Returns the rate-limit key of a request's log line. Returns undefined if the line is always written. Lines with the
 * level `Warn` or `Error` have a key, since a failure may repeat. Lines with `unread` have a key, since any client can
 * cause such lines at any rate.
 */
export const rateLimitKey = (entry: AccessEntry): string | undefined =>
  levelOf(entry) === "Info" && entry.unread !== true
    ? undefined
    : `${message} ${entry.route} ${entry.status} ${entry.error ?? ""} ${entry.upstream ?? ""}`

/**
 * Writes a request's log line without Effect's loggers. They would start a fiber, which costs more than a small
 * response. Undefined if the program logs without `Logging.layer`.
 */
export const RequestLineWriter = Context.Reference<LogRequest | undefined>(
  "@registry-packages-proxy/proxy/AccessLog/Writer",
  {
    defaultValue: () => undefined
  }
)

/** Makes a function that logs requests through `RequestLineWriter` if it is set, else through Effect's loggers. */
export const make: Effect.Effect<LogRequest> = Effect.gen(function* () {
  const writer = yield* RequestLineWriter
  if (writer !== undefined) return writer
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return (entry, span, cause) => {
    const logged = Effect.logWithLevel(levelOf(entry))
    const log = cause === undefined ? logged(message, entry) : logged(message, entry, cause)
    run(span === undefined ? log : Effect.provideService(log, Tracer.ParentSpan, span))
  }
})
