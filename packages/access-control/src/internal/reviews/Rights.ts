import { Clock, Context, Effect, Layer } from "effect"
import type { User } from "../../User.ts"
import * as Limits from "../Limits.ts"

/**
 * The users who were allowed something of late: `Authorizer` notes them, and what `Authenticator` remembers of their
 * tokens is not evicted by tokens of others.
 */
export class Rights extends Context.Service<
  Rights,
  {
    readonly note: (user: User) => void
    readonly has: (user: User) => boolean
  }
>()("@registry-packages-proxy/access-control/internal/Rights") {
  static readonly layer: Layer.Layer<Rights> = Layer.effect(
    Rights,
    Effect.map(Clock.Clock, (clock) => {
      // By fingerprint: until when it counts. Those noted longest ago are evicted.
      const noted = new Map<string, number>()
      return Rights.of({
        note: ({ fingerprint }) => {
          noted.delete(fingerprint)
          noted.set(fingerprint, clock.currentTimeMillisUnsafe() + Limits.stale)
          if (noted.size <= Limits.maxRemembered) return
          const [oldest] = noted.keys()
          if (oldest !== undefined) noted.delete(oldest)
        },
        has: ({ fingerprint }) => (noted.get(fingerprint) ?? 0) > clock.currentTimeMillisUnsafe()
      })
    })
  )
}
