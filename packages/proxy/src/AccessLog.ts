import { Effect } from "effect"

/** What is logged of one request. Holds no secret, and of what the client sent only the method. */
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
  readonly requestId: string
  /** The response began and could not be completed. */
  readonly aborted?: boolean | undefined
}

/** Logs one request, at level info; the trace it belongs to comes from the fiber's span. */
export const write = (entry: AccessEntry): Effect.Effect<void> => Effect.logInfo("request", entry)
