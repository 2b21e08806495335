import { packages } from "@registry-packages-proxy/testkit/access-control/AccessControlSuite"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/AccessControlReviews"
import { Effect, Layer, Option, Redacted } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Limits from "../src/internal/Limits.ts"
import { Authenticator } from "../src/Authenticator.ts"
import { Authorizer } from "../src/Authorizer.ts"
import { format } from "../src/ResourceRule.ts"
import { Forbidden, Invalid, Unreachable } from "../src/Reviews.ts"

export const alice = TestReviews.user("alice")
export const token = "the-token-of-alice"

export const unreachable = new Unreachable({ detail: "connection refused" })
export const forbidden = new Forbidden({ detail: "403" })
export const invalid = new Invalid({ detail: "no review" })

/** Reviews that know alice, her token and her right. */
export const makeReviews = () =>
  TestReviews.make({
    tokens: new Map([[token, alice]]),
    rights: new Map([[alice.name, [format(packages)]]])
  })

/** What a user may, of an API server in memory. */
export const rightsOf = (name: string, { state }: ReturnType<typeof makeReviews>): ReadonlyArray<string> =>
  state.rights.get(name) ?? []

/** Both services over these reviews, which they share as the program's do. */
export const layerOf = ({ layer }: Pick<ReturnType<typeof TestReviews.make>, "layer">) =>
  Layer.mergeAll(Authenticator.layer, Authorizer.layer).pipe(Layer.provide(layer))

/** Who a token is, or why that is not known. */
export const who = (value = token) =>
  Authenticator.use((authenticator) =>
    authenticator.authenticate({ token: Option.some(Redacted.make(value)), certificate: Option.none() }).pipe(
      Effect.map(({ name }) => name),
      Effect.catch((error) =>
        Effect.succeed(error._tag === "Undecided" ? `Undecided: ${error.reason._tag}` : error._tag)
      )
    )
  )

/** Whether a user may have packages, or why that is not known. */
export const may = (user = alice) =>
  Authorizer.use((authorizer) =>
    authorizer.authorize(user, packages).pipe(
      Effect.as("allowed"),
      Effect.catch((error) =>
        Effect.succeed(error._tag === "Undecided" ? `Undecided: ${error.reason._tag}` : error._tag)
      )
    )
  )

/** Whom a token is known to be now, and whether alice is known to have her right. */
export const known = (value = token) =>
  Effect.gen(function* () {
    const user = Authenticator.cachedUser(yield* Authenticator, {
      token: Option.some(Redacted.make(value)),
      certificate: Option.none()
    })
    return {
      user: Option.getOrUndefined(Option.map(user, ({ name }) => name)),
      may: Authorizer.isAllowedByCache(yield* Authorizer, alice, packages)
    }
  })

/** Lets everyone go as far as they come without time passing, however often the scheduler yields. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 200 })

/** Lets time pass, in steps short enough that nobody misses a turn. */
export const pass = (millis: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* settle
    for (let left = millis; left > 0; left -= Limits.probeInterval) {
      yield* TestClock.adjust(Math.min(left, Limits.probeInterval))
      yield* settle
    }
  })

/** A token that says it ends then, in seconds since the epoch; nobody signed it. */
export const jwt = (exp: unknown): string =>
  ["{}", JSON.stringify({ exp }), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".")
