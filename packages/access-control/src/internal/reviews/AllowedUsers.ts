import { Clock, Context, Duration, Effect, Layer } from "effect"
import type { User } from "../../User.ts"
import * as Limits from "../Limits.ts"

const maxStaleAgeMillis = Duration.toMillis(Limits.maxStaleAge)

/**
 * The users that were allowed access within the last 90 minutes. `Authorizer` adds them. `DecisionCache` does not evict
 * decisions about these users to make room for decisions about other users.
 */
export class AllowedUsers extends Context.Service<
  AllowedUsers,
  {
    readonly add: (user: User) => void
    readonly has: (user: User) => boolean
  }
>()("@registry-packages-proxy/access-control/internal/AllowedUsers") {
  static readonly layer: Layer.Layer<AllowedUsers> = Layer.effect(
    AllowedUsers,
    Effect.map(Clock.Clock, (clock) => {
      // The expiry of each user by fingerprint, in milliseconds since the epoch. The least recently added user is
      // evicted.
      const expiries = new Map<string, number>()
      return AllowedUsers.of({
        add: ({ fingerprint }) => {
          expiries.delete(fingerprint)
          expiries.set(fingerprint, clock.currentTimeMillisUnsafe() + maxStaleAgeMillis)
          if (expiries.size <= Limits.maxDecisions) return
          const [oldest] = expiries.keys()
          if (oldest !== undefined) expiries.delete(oldest)
        },
        has: ({ fingerprint }) => (expiries.get(fingerprint) ?? 0) > clock.currentTimeMillisUnsafe()
      })
    })
  )
}
