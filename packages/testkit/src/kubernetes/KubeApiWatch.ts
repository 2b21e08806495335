import { type KubernetesError, unreachable } from "@registry-packages-proxy/kubernetes/KubernetesError"
import { Clock, Effect, Option, Queue, Stream } from "effect"
import type { Change } from "./KubeApiStore.ts"

/** What a watch is to write next: bytes, its end, or that its connection breaks. */
type Step = Uint8Array | "end" | "break"

const bookmarkEvery = 60_000

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** A line of a watch. */
export const line = (type: Change["type"] | "BOOKMARK" | "ERROR", object: unknown): Uint8Array =>
  encode({ type, object })

/** One watch that a client has open. */
export class KubeApiWatch {
  readonly #queue: Queue.Queue<Step>
  /** Bytes written to the client, which reads them as it likes. */
  delivered = 0
  /** Lines waiting for the client to read them. */
  pending = 0
  isOpen = true
  isSilent = false

  constructor(queue: Queue.Queue<Step>) {
    this.#queue = queue
  }

  static readonly make: Effect.Effect<KubeApiWatch> = Effect.map(
    Queue.unbounded<Step>(),
    (queue) => new KubeApiWatch(queue)
  )

  write(step: Step): void {
    this.pending += 1
    Queue.offerUnsafe(this.#queue, step)
  }

  /** What the client reads, until `endsAt` (milliseconds since the epoch), with bookmarks where it wants them. */
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
        this.pending -= 1
        if (step.value === "end") return undefined
        if (step.value === "break") return yield* unreachable("the connection was broken by the test")
        this.delivered += step.value.length
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
