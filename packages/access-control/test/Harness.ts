import { packagesRule } from "@registry-packages-proxy/testkit/access-control/AccessControlSuite"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import { Effect, Layer, Option, Redacted, Duration } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Limits from "../src/internal/Limits.ts"
import { Authenticator } from "../src/Authenticator.ts"
import { Authorizer } from "../src/Authorizer.ts"
import { format } from "../src/ResourceRule.ts"
import { Forbidden, Invalid, Unreachable } from "../src/ReviewError.ts"

export const alice = TestReviews.authenticatedUser("alice")
export const token = "the-token-of-alice"

export const unreachable = new Unreachable({ detail: "connection refused" })
export const forbidden = new Forbidden({ detail: "403" })
export const invalid = new Invalid({ detail: "no review" })

/**
 * Makes mock reviews with one user, alice. The token `token` is hers, and she has the access that `packagesRule`
 * describes.
 */
export const makeReviews = () =>
  TestReviews.make({
    tokens: new Map([[token, alice]]),
    rights: new Map([[alice.name, [format(packagesRule)]]])
  })

/** Returns the access rules that the user `name` has in the mock reviews. Empty if the user has none. */
export const rightsOf = (name: string, { state }: ReturnType<typeof makeReviews>): ReadonlyArray<string> =>
  state.rights.get(name) ?? []

/** Returns a layer with an Authenticator and an Authorizer that share the mock reviews. */
export const accessControlLayer = ({ layer }: Pick<ReturnType<typeof TestReviews.make>, "layer">) =>
  Layer.mergeAll(Authenticator.layer, Authorizer.layer).pipe(Layer.provide(layer))

/** Authenticates a token. Returns the user's name, or the tag and reason of the error. */
export const tokenResult = (value = token) =>
  Authenticator.use((authenticator) =>
    authenticator.authenticate({ token: Option.some(Redacted.make(value)), certificate: Option.none() }).pipe(
      Effect.map(({ name }) => name),
      Effect.catch((error) =>
        Effect.succeed(error._tag === "Undecided" ? `Undecided: ${error.reason._tag}` : error._tag)
      )
    )
  )

/** Authorizes a user for `packagesRule`. Returns "allowed", or the tag and reason of the error. */
export const accessResult = (user = alice) =>
  Authorizer.use((authorizer) =>
    authorizer.authorize(user, packagesRule).pipe(
      Effect.as("allowed"),
      Effect.catch((error) =>
        Effect.succeed(error._tag === "Undecided" ? `Undecided: ${error.reason._tag}` : error._tag)
      )
    )
  )

/**
 * Reads only cached decisions. `user` is the name of the token's user, or undefined if no cached decision accepts the
 * token. `isAllowed` is true if a cached decision allows alice the access that `packagesRule` describes.
 */
export const cachedUserAndAccess = (value = token) =>
  Effect.gen(function* () {
    const user = Authenticator.cachedUser(yield* Authenticator, {
      token: Option.some(Redacted.make(value)),
      certificate: Option.none()
    })
    return {
      user: Option.getOrUndefined(Option.map(user, ({ name }) => name)),
      isAllowed: Authorizer.isAllowedByCache(yield* Authorizer, alice, packagesRule)
    }
  })

/** Lets all fibers run until they wait for the clock. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 200 })

/** Advances the clock by `millis`, in steps no longer than the probe interval. All fibers run after each step. */
export const advance = (millis: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* settle
    for (let left = millis; left > 0; left -= Duration.toMillis(Limits.probeInterval)) {
      yield* TestClock.adjust(Math.min(left, Duration.toMillis(Limits.probeInterval)))
      yield* settle
    }
  })

/** Makes an unsigned JWT with this `exp`. A valid `exp` is a number of seconds since the epoch. */
export const jwt = (exp: unknown): string =>
  ["{}", JSON.stringify({ exp }), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".")
