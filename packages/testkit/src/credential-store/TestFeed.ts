import type { AwaitedObjects, Feed, FeedEvent } from "@registry-packages-proxy/credential-store/feeds/Feed"
import { Deferred, Effect, Queue, Stream } from "effect"

/** A feed whose events a test sends. */
export interface TestFeed {
  readonly feed: Feed
  /** Sends an event to the store, and waits until the store has processed the event. */
  readonly send: (event: FeedEvent) => Effect.Effect<void>
}

interface Pending {
  readonly event: FeedEvent
  readonly taken: Deferred.Deferred<void>
}

/**
 * Makes a feed in memory. The default values of `precedence` and `awaited` are those of the feed that watches
 * ModuleSources.
 */
export const make = Effect.fnUntraced(function* (
  name: string,
  precedence: number = 1,
  awaited: AwaitedObjects = "module-sources"
): Effect.fn.Return<TestFeed> {
  const queue = yield* Queue.unbounded<Pending>()
  // The store pulls the next event only after it has processed the previous event.
  const next = Effect.fnUntraced(function* (previous: Pending | undefined) {
    if (previous !== undefined) yield* Deferred.succeed(previous.taken, undefined)
    const pending = yield* Queue.take(queue)
    return [pending.event, pending] as const
  })
  return {
    feed: {
      name,
      awaited,
      precedence,
      events: Stream.unfold<Pending | undefined, FeedEvent, never, never>(undefined, next)
    },
    send: Effect.fnUntraced(function* (event) {
      const taken = yield* Deferred.make<void>()
      yield* Queue.offer(queue, { event, taken })
      yield* Deferred.await(taken)
    })
  }
})
