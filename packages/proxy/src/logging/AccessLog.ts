import { type Cause, Context, Effect, Tracer } from "effect"

/** What is logged of one request. Holds no secret, and of what the client sent only the method and who it is. */
export interface AccessEntry {
  readonly method: string
  /** The path's name from a fixed set, never the path. */
  readonly route: string
  readonly status: number
  /** Body bytes handed to the connection. */
  readonly bytes: number
  readonly seconds: number
  readonly cache?: string | undefined
  /** The registry's host, when one was asked. */
  readonly upstream?: string | undefined
  /** The address that the connection comes from: a proxy's, where there is one in front. */
  readonly clientAddress?: string | undefined
  /** The name of the user, where the secure port authenticated one. */
  readonly user?: string | undefined
  readonly requestId: string
  /** The response began and could not be completed. */
  readonly aborted?: boolean | undefined
  /** The type of the error that the request ended with, from a fixed set. */
  readonly error?: string | undefined
  /** The digest asked for, of a request that failed. */
  readonly digest?: string | undefined
}

/** The message of an access line. */
export const message = "request"

/** Logs one request, with the span that it was answered in and what it failed with. */
export type Write = (
  entry: AccessEntry,
  span: Tracer.AnySpan | undefined,
  cause?: Cause.Cause<unknown>
) => void

/** The level of a line: a failure of ours is an error, one of others a warning. */
export const levelOf = ({ aborted, error, status }: AccessEntry): "Info" | "Warn" | "Error" =>
  error === "defect"
    ? "Error"
    : status >= 500 || (aborted === true && error !== undefined && error !== "ClientGone")
      ? "Warn"
      : "Info"

/** The kind of a failure, of which one line a minute is enough; undefined for what is no failure, and always logged. */
export const kindOf = (entry: AccessEntry): string | undefined =>
  levelOf(entry) === "Info"
    ? undefined
    : `${message} ${entry.route} ${entry.status} ${entry.error ?? ""} ${entry.upstream ?? ""}`

/** Where access lines go past Effect's loggers: a fiber, and looking through its entry, would cost more than a small answer. */
export const Writer = Context.Reference<Write | undefined>(
  "@registry-packages-proxy/proxy/AccessLog/Writer",
  {
    defaultValue: () => undefined
  }
)

/** How requests are logged: by the writer where there is one, else by whatever loggers there are. */
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
