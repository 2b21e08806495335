import { Cache, Cause, type Duration, Effect } from "effect"
import * as Limits from "./Limits.ts"

/** A bounded memory for what was learned about registries; what was not used longest goes first. */
export interface Remembered<A> extends Cache.Cache<string, A, Cause.NoSuchElementError> {}

export const make = <A>(
  timeToLive?: Duration.Input,
  capacity = Limits.maxRemembered
): Effect.Effect<Remembered<A>> =>
  Cache.make<string, A, Cause.NoSuchElementError>({
    lookup: () => Effect.fail(new Cause.NoSuchElementError()),
    capacity,
    ...(timeToLive === undefined ? {} : { timeToLive })
  })
