import { Effect, Stream, SubscriptionRef } from "effect"
import type { ServedOperation } from "./Fault.ts"

/** A request that the registry received. */
export interface LoggedRequest {
  readonly operation: ServedOperation | "unknown"
  readonly listener: "registry" | "store"
  readonly method: string
  /** Path and query of the URL. */
  readonly path: string
  readonly repository: string | undefined
  /** The digest of a manifest or blob, or the tag of a manifest. Undefined for other operations. */
  readonly reference: string | undefined
  /** Header fields by lowercase name, without Authorization. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * The scheme of the Authorization field, in lowercase. Undefined without this field. The credentials are not logged.
   */
  readonly authScheme: string | undefined
  /**
   * The number of the connection, counted from 1 for each listener. With `makeWithoutNetwork`, each request has a new
   * number.
   */
  readonly connectionNumber: number
  /** The status of the response. Undefined until the response begins. */
  readonly status: number | undefined
  /**
   * Number of body bytes written to the connection. 0 until the response ends, and always 0 with `makeWithoutNetwork`.
   */
  readonly sentBytes: number
  /**
   * `open`: the response is in progress. `completed`: the registry ended the response, or broke it because of a fault.
   * `aborted`: the client disconnected.
   */
  readonly outcome: "open" | "completed" | "aborted"
}

/** The logged requests of a registry, and the counts of its connections. */
export interface RegistryActivity {
  /** The requests since the last `clearRequests`, in the order of arrival. */
  readonly requests: ReadonlyArray<LoggedRequest>
  readonly connections: { readonly accepted: number; readonly open: number }
}

const nothing: RegistryActivity = { requests: [], connections: { accepted: 0, open: 0 } }

/** Returns the number of logged requests of an operation. */
export const requestCount = (activity: RegistryActivity, operation: LoggedRequest["operation"]): number =>
  activity.requests.filter((request) => request.operation === operation).length

/**
 * Logs the requests and counts the connections of one registry. A test can read the log, or wait until a predicate is
 * true.
 */
export class RegistryLog {
  readonly #state: SubscriptionRef.SubscriptionRef<RegistryActivity>
  #forgotten = 0

  private constructor(state: SubscriptionRef.SubscriptionRef<RegistryActivity>) {
    this.#state = state
  }

  static readonly make = Effect.map(SubscriptionRef.make(nothing), (state) => new RegistryLog(state))

  get activity(): Effect.Effect<RegistryActivity> {
    return SubscriptionRef.get(this.#state)
  }

  /** Waits until `predicate` returns true. Calls `predicate` at once and after each change of the log. */
  await(predicate: (activity: RegistryActivity) => boolean): Effect.Effect<void> {
    return SubscriptionRef.changes(this.#state).pipe(
      Stream.filter(predicate),
      Stream.take(1),
      Stream.runDrain
    )
  }

  /**
   * Logs a request. Returns a function that updates fields of the logged request. The function does nothing after
   * `clearRequests`.
   */
  logRequest(record: LoggedRequest): Effect.Effect<(changes: Partial<LoggedRequest>) => Effect.Effect<void>> {
    return SubscriptionRef.modify(this.#state, (state) => {
      const index = state.requests.length + this.#forgotten
      const change = (changes: Partial<LoggedRequest>) =>
        SubscriptionRef.update(this.#state, (state) => {
          const at = index - this.#forgotten
          const current = state.requests[at]
          return current === undefined
            ? state
            : { ...state, requests: state.requests.with(at, { ...current, ...changes }) }
        })
      return [change, { ...state, requests: [...state.requests, record] }] as const
    })
  }

  /**
   * Counts a new connection as accepted and open. The caller must run the returned effect when the connection closes.
   */
  readonly countConnection = (): Effect.Effect<Effect.Effect<void>> => {
    const open = (by: number, accepted: number) =>
      SubscriptionRef.update(this.#state, (state) => ({
        ...state,
        connections: { accepted: state.connections.accepted + accepted, open: state.connections.open + by }
      }))
    return Effect.as(open(1, 1), open(-1, 0))
  }

  /** Clears the list of requests, but not the counts of connections. */
  get clearRequests(): Effect.Effect<void> {
    return SubscriptionRef.update(this.#state, (state) => {
      this.#forgotten += state.requests.length
      return { ...state, requests: [] }
    })
  }
}
