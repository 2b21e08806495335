import { Effect, Stream, SubscriptionRef } from "effect"
import type { Operation } from "./Fault.ts"

/** One request the registry was sent. */
export interface RequestRecord {
  readonly operation: Operation | "unknown"
  readonly listener: "registry" | "store"
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly repository: string | undefined
  /** A digest, or a manifest's tag. */
  readonly reference: string | undefined
  /** By lowercase name, without Authorization. */
  readonly headers: Readonly<Record<string, string>>
  /** The Authorization header's scheme, in lowercase; its value is not kept. */
  readonly authorization: string | undefined
  /** Which accepted connection it came on, counted from 1. */
  readonly connection: number
  /** The status sent; undefined while there is none. */
  readonly status: number | undefined
  /** Body bytes handed to the connection. */
  readonly sent: number
  /** How it ended: as the registry meant it (a fault's broken end too), or because the client left. */
  readonly outcome: "open" | "done" | "left"
}

/** What happened at the registry so far. */
export interface RegistryActivity {
  /** In the order they came. */
  readonly requests: ReadonlyArray<RequestRecord>
  readonly connections: { readonly accepted: number; readonly open: number }
}

const nothing: RegistryActivity = { requests: [], connections: { accepted: 0, open: 0 } }

/** How many requests of an operation there are in this activity. */
export const countOf = (activity: RegistryActivity, operation: RequestRecord["operation"]): number =>
  activity.requests.filter((request) => request.operation === operation).length

/** The activity of one registry, to read and to wait on. */
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

  /** Waits until the activity is as told: at once where it is already. */
  await(predicate: (activity: RegistryActivity) => boolean): Effect.Effect<void> {
    return SubscriptionRef.changes(this.#state).pipe(
      Stream.filter(predicate),
      Stream.take(1),
      Stream.runDrain
    )
  }

  /** Notes a request and answers the function that changes its record. */
  begin(record: RequestRecord): Effect.Effect<(changes: Partial<RequestRecord>) => Effect.Effect<void>> {
    return SubscriptionRef.modify(this.#state, (state) => {
      const index = state.requests.length + this.#forgotten
      const change = (changes: Partial<RequestRecord>) =>
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

  /** Notes a connection that came and, through the answered effect, that it went. */
  readonly connected = (): Effect.Effect<Effect.Effect<void>> => {
    const open = (by: number, accepted: number) =>
      SubscriptionRef.update(this.#state, (state) => ({
        ...state,
        connections: { accepted: state.connections.accepted + accepted, open: state.connections.open + by }
      }))
    return Effect.as(open(1, 1), open(-1, 0))
  }

  /** Empties the list of requests; connections are counted on. */
  get forget(): Effect.Effect<void> {
    return SubscriptionRef.update(this.#state, (state) => {
      this.#forgotten += state.requests.length
      return { ...state, requests: [] }
    })
  }
}
