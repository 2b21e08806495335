import { Cache, Cause, type Duration, Effect } from "effect"
import * as Limits from "./Limits.ts"

/**
 * A cache whose entries are set explicitly. When the cache is full, a new entry evicts the least recently used entry.
 */
export interface BoundedCache<A> extends Cache.Cache<string, A, Cause.NoSuchElementError> {}

/** Makes an empty cache. If `timeToLive` is undefined, entries never expire. */
export const make = <A>(
  timeToLive?: Duration.Input,
  capacity = Limits.maxCacheEntries
): Effect.Effect<BoundedCache<A>> =>
  Cache.make<string, A, Cause.NoSuchElementError>({
    lookup: () => Effect.fail(new Cause.NoSuchElementError()),
    capacity,
    ...(timeToLive === undefined ? {} : { timeToLive })
  })
