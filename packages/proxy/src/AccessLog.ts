import { Context, Effect, Tracer } from "effect"

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
}

/** What an access line says first, and its level. */
export const message = "request"

/** Logs one request, with the span that it was answered in. */
export type Write = (entry: AccessEntry, span: Tracer.AnySpan | undefined) => void

/** Where access lines go past Effect's loggers: a fiber, and looking through its entry, would cost more than a small answer. */
export const Writer = Context.Reference<Write | undefined>(
  "@registry-packages-proxy/proxy/AccessLog/Writer",
  {
    defaultValue: () => undefined
  }
)

/** How requests are logged, at level info: by the writer where there is one, else by whatever loggers there are. */
export const make: Effect.Effect<Write> = Effect.gen(function* () {
  const writer = yield* Writer
  if (writer !== undefined) return writer
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return (entry, span) => {
    const log = Effect.logInfo(message, entry)
    run(span === undefined ? log : Effect.provideService(log, Tracer.ParentSpan, span))
  }
})
