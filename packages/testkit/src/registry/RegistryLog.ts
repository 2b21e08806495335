import { Effect, Stream, SubscriptionRef } from "effect"
import type { Operation } from "./Fault.ts"

/** A request that the registry received. */
export interface LoggedRequest {
  readonly operation: Operation | "unknown"
  readonly listener: "registry" | "store"
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly repository: string | undefined
  /** A digest, or the tag of a manifest. */
  readonly reference: string | undefined
  /** By lowercase name, without Authorization. */
  readonly headers: Readonly<Record<string, string>>
  /** The scheme of the Authorization field, in lowercase; the value is not kept. */
  readonly authorization: string | undefined
  /** Number of the connection, counted from 1. */
  readonly connection: number
  /** The status sent; undefined until then. */
  readonly status: number | undefined
  /** Bytes of the body written to the connection. */
  readonly sent: number
  /** `completed`: the registry ended it, a fault's broken end included. `aborted`: the client disconnected. */
  readonly outcome: "open" | "completed" | "aborted"
}

/** The requests and connections of a registry so far. */
export interface RegistryActivity {
  /** In the order of arrival. */
  readonly requests: ReadonlyArray<LoggedRequest>
  readonly connections: { readonly accepted: number; readonly open: number }
}

const nothing: RegistryActivity = { requests: [], connections: { accepted: 0, open: 0 } }

/** Number of requests of an operation. */
export const countOf = (activity: RegistryActivity, operation: LoggedRequest["operation"]): number =>
  activity.requests.filter((request) => request.operation === operation).length

/** The log of one registry, to read and to wait on. */
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

  /** Waits until the activity matches. */
  await(predicate: (activity: RegistryActivity) => boolean): Effect.Effect<void> {
    return SubscriptionRef.changes(this.#state).pipe(
      Stream.filter(predicate),
      Stream.take(1),
      Stream.runDrain
    )
  }

  /** Logs a request and gives the function that updates its record. */
  begin(record: LoggedRequest): Effect.Effect<(changes: Partial<LoggedRequest>) => Effect.Effect<void>> {
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

  /** Counts a connection; the inner effect counts its close. */
  readonly connected = (): Effect.Effect<Effect.Effect<void>> => {
    const open = (by: number, accepted: number) =>
      SubscriptionRef.update(this.#state, (state) => ({
        ...state,
        connections: { accepted: state.connections.accepted + accepted, open: state.connections.open + by }
      }))
    return Effect.as(open(1, 1), open(-1, 0))
  }

  /** Clears the list of requests; the counts of connections stay. */
  get clearRequests(): Effect.Effect<void> {
    return SubscriptionRef.update(this.#state, (state) => {
      this.#forgotten += state.requests.length
      return { ...state, requests: [] }
    })
  }
}
