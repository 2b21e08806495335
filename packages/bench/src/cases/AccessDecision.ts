import { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import * as ResourceRule from "@registry-packages-proxy/access-control/ResourceRule"
import { Reviews } from "@registry-packages-proxy/access-control/Reviews"
import { User } from "@registry-packages-proxy/access-control/User"
import { Effect, Layer, Option, Redacted } from "effect"
import type { Verdict } from "../report/Report.ts"
import { spread } from "../report/Statistics.ts"
import { formatFigure } from "../report/Table.ts"

const decisions = 20_000

const rule = ResourceRule.make({
  verb: "get",
  group: "apps",
  version: "v1",
  resource: "deployments",
  subresource: "http",
  namespace: "d8-cloud-instance-manager",
  name: "registry-packages-proxy"
})

// The token is as long as the token of a service account. Each request hashes its token.
const token = `${"h".repeat(100)}.${"p".repeat(700)}.${"s".repeat(342)}`

const user = new User({
  name: "system:serviceaccount:bench:bench",
  uid: "5f7c4f7e-6a3c-4a0b-9c3e-0d6c6d0f6a11",
  groups: ["system:serviceaccounts", "system:serviceaccounts:bench", "system:authenticated"],
  extra: { "authentication.kubernetes.io/credential-id": ["JTI=0c2b6f5e-5f0e-4b0a-8d0f-1d9b1c1a7c55"] }
})

let asked = 0

const reviews = Layer.succeed(Reviews, {
  tokenReview: () => Effect.sync(() => (asked++, Option.some(user))),
  subjectAccessReview: () => Effect.sync(() => (asked++, true))
})

/**
 * Measures the median time of an access decision on a cached token. Calls `Authenticator` and `Authorizer` directly,
 * because a request over TLS takes ten times as long and its time varies too much.
 */
export const cached = (rounds: number): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.gen(function* () {
    const { authenticate } = yield* Authenticator
    const { authorize } = yield* Authorizer
    // The effect is created again for each decision, as it is for each request.
    const decision = Effect.suspend(() =>
      Effect.flatMap(
        authenticate({ certificate: Option.none(), token: Option.some(Redacted.make(token)) }),
        (user) => authorize(user, rule)
      )
    )
    const round = Effect.gen(function* () {
      const began = performance.now()
      for (let count = 0; count < decisions; count++) yield* decision
      return ((performance.now() - began) / decisions) * 1000
    })
    // The first round fills the cache and warms up the compiler. It is not counted.
    yield* round
    const micros = spread(yield* Effect.forEach(Array.from({ length: rounds }), () => round))
    if (asked !== 2) return yield* Effect.fail(new Error(`${asked} reviews were sent; expected: 2`))
    return [
      {
        what: `an access decision on a cached token, ${decisions} in a row`,
        target: "< 50 µs",
        measured: `${formatFigure(micros.median)} µs (${formatFigure(micros.min)} to ${formatFigure(micros.max)})`,
        met: micros.median < 50
      }
    ]
  }).pipe(
    Effect.provide(Layer.merge(Authenticator.layer, Authorizer.layer).pipe(Layer.provide(reviews))),
    Effect.mapError((error) => (error instanceof Error ? error : new Error("the user was not allowed")))
  )
