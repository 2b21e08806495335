import { type Cause, Context, Effect, Tracer } from "effect"

/** The fields of a request's log line. They hold no secret, and nothing the client chose except its method. */
export interface AccessEntry {
  readonly method: string
  /** The name of the route, from a fixed set; never the path. */
  readonly route: string
  readonly status: number
  /** Bytes of the body written to the connection. */
  readonly bytes: number
  readonly seconds: number
  readonly cache?: string | undefined
  /** The registry's host, if the request reached one. */
  readonly upstream?: string | undefined
  /** The remote address of the connection; a proxy's, if the client connects through one. */
  readonly clientAddress?: string | undefined
  /** The name of the user, if the secure port authenticated one. */
  readonly user?: string | undefined
  readonly requestId: string
  /** The response began but could not be completed. */
  readonly aborted?: boolean | undefined
  /** The type of the request's error, from a fixed set. */
  readonly error?: string | undefined
  /** True if the listener refused the request before it read it. Nothing else is then known about the request. */
  readonly unread?: boolean | undefined
  /** The requested digest, if the request failed. */
  readonly digest?: string | undefined
}

/** The message of a request's log line. */
export const message = "request"

/** Logs one request. `span` is the request's span, `cause` its failure. */
export type Write = (
  entry: AccessEntry,
  span: Tracer.AnySpan | undefined,
  cause?: Cause.Cause<unknown>
) => void

/** The level of a line: `Error` for a defect of this program, `Warn` for a failure of others. */
export const levelOf = ({ aborted, error, status }: AccessEntry): "Info" | "Warn" | "Error" =>
  error === "defect"
    ? "Error"
    : status >= 500 || (aborted === true && error !== undefined && error !== "ClientGone")
      ? "Warn"
      : "Info"

/**
 * The rate-limit key of a line; undefined if the line is always written. Lines of failures and of unread requests are
 * rate-limited, since a failure may repeat and any client may cause unread requests at any rate.
 */
export const rateLimitKey = (entry: AccessEntry): string | undefined =>
  levelOf(entry) === "Info" && entry.unread !== true
    ? undefined
    : `${message} ${entry.route} ${entry.status} ${entry.error ?? ""} ${entry.upstream ?? ""}`

/** Writes access lines without Effect's loggers, whose fiber would cost more than a small response. */
export const Writer = Context.Reference<Write | undefined>(
  "@registry-packages-proxy/proxy/AccessLog/Writer",
  {
    defaultValue: () => undefined
  }
)

/** Logs requests through `Writer` if it is set, else through Effect's loggers. */
export const make: Effect.Effect<Write> = Effect.gen(function* () {
  const writer = yield* Writer
  if (writer !== undefined) return writer
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return (entry, span, cause) => {
    const logged = Effect.logWithLevel(levelOf(entry))
    const log = cause === undefined ? logged(message, entry) : logged(message, entry, cause)
    run(span === undefined ? log : Effect.provideService(log, Tracer.ParentSpan, span))
  }
})
