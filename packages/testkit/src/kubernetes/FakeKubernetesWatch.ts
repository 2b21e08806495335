import { type KubernetesError, unreachable } from "@registry-packages-proxy/kubernetes/KubernetesError"
import { Clock, Effect, Option, Queue, Stream } from "effect"
import type { ObjectChange } from "./FakeKubernetesStore.ts"

/** One step of a response. It sends bytes, ends the body, or breaks the connection. */
type Step = Uint8Array | "end" | "break"

const bookmarkEvery = 60_000

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** Encodes a watch event as one line of JSON. */
export const encodeEvent = (type: ObjectChange["type"] | "BOOKMARK" | "ERROR", object: unknown): Uint8Array =>
  encode({ type, object })

/** A watch that a client has opened. */
export class FakeKubernetesWatch {
  readonly #queue: Queue.Queue<Step>
  /** Number of bytes that the client has read, without bookmarks. */
  readBytes = 0
  /** The number of steps that were passed to `write` and that the client has not read yet. */
  unreadSteps = 0
  isOpen = true
  isSilent = false

  constructor(queue: Queue.Queue<Step>) {
    this.#queue = queue
  }

  static readonly make: Effect.Effect<FakeKubernetesWatch> = Effect.map(
    Queue.unbounded<Step>(),
    (queue) => new FakeKubernetesWatch(queue)
  )

  write(step: Step): void {
    this.unreadSteps += 1
    Queue.offerUnsafe(this.#queue, step)
  }

  /**
   * Returns the response body of the watch. The body ends at `endsAt` (in milliseconds since the epoch), or when a test
   * calls `write("end")`. The body fails when a test calls `write("break")`. If `bookmark` is set, the body contains a
   * bookmark once a minute. While `isSilent` is true, the body gets no bytes and does not end at `endsAt`.
   */
  body(options: {
    readonly endsAt: number
    readonly bookmark: (() => Uint8Array) | undefined
  }): Stream.Stream<Uint8Array, KubernetesError> {
    const { bookmark, endsAt } = options
    const next = Effect.fnUntraced({ self: this }, function* (bookmarkAt: number) {
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const until = this.isSilent
          ? Infinity
          : Math.min(endsAt, bookmark === undefined ? Infinity : bookmarkAt)
        const take = Queue.take(this.#queue)
        const step: Option.Option<Step> = yield* until === Infinity
          ? Effect.map(take, Option.some)
          : Effect.timeoutOption(take, Math.max(0, until - now))
        if (this.isSilent) {
          if (Option.isNone(step) || step.value instanceof Uint8Array) continue
        }
        if (Option.isNone(step)) {
          if (until >= endsAt || bookmark === undefined) return undefined
          return [bookmark(), bookmarkAt + bookmarkEvery] as const
        }
        this.unreadSteps -= 1
        if (step.value === "end") return undefined
        if (step.value === "break") return yield* unreachable("the test broke the connection")
        this.readBytes += step.value.length
        return [step.value, bookmarkAt] as const
      }
    })
    return Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (now) =>
        Stream.unfold(now + bookmarkEvery, next).pipe(
          Stream.ensuring(
            Effect.sync(() => {
              this.isOpen = false
            })
          )
        )
      )
    )
  }
}
