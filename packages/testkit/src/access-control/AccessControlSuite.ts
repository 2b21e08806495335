import { assert, describe, layer } from "@effect/vitest"
import {
  Authenticator,
  type PresentedCredentials
} from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import * as ResourceRule from "@registry-packages-proxy/access-control/ResourceRule"
import type { User } from "@registry-packages-proxy/access-control/User"
import { Effect, type Layer, Option, Redacted, Result } from "effect"
import { authenticatedUser } from "./ReviewsMock.ts"

/** The users and rights to configure in the implementation under test. */
export interface AccessFixture {
  readonly tokens: Readonly<Record<string, User>>
  /**
   * The rules that each user is authorized for. The key is a user name. Each rule is a result of `ResourceRule.format`.
   */
  readonly rights: Readonly<Record<string, ReadonlyArray<string>>>
  /** True if the implementation can reach the service that decides about users and rights, such as the API server. */
  readonly isReachable: boolean
}

/** The rule that registry-packages-proxy requires for packages. The suite authorizes one of its users for this rule. */
export const packagesRule = ResourceRule.make({
  verb: "get",
  group: "apps",
  version: "v1",
  resource: "deployments",
  subresource: "http",
  namespace: "d8-cloud-instance-manager",
  name: "registry-packages-proxy"
})

const secret = "the-token-of-alice"
const alice = authenticatedUser("system:serviceaccount:test:alice", {
  uid: "1-2-3",
  extra: { pod: ["a", "b"] }
})
const bob = authenticatedUser("bob")
const known: AccessFixture = {
  tokens: { [secret]: alice, "the-token-of-bob": bob },
  rights: { [alice.name]: [ResourceRule.format(packagesRule)] },
  isReachable: true
}

const present = (
  token: string | undefined,
  certificate?: PresentedCredentials["certificate"]
): PresentedCredentials => ({
  token: Option.map(Option.fromUndefinedOr(token), Redacted.make),
  certificate: certificate ?? Option.none()
})

const certificate = (notBefore: number, notAfter: number) =>
  Option.some(Result.succeed({ user: authenticatedUser("carol"), notBefore, notAfter }))

// Validity in milliseconds around 0, the time at which the clock of a test starts.
const [good, expired, early] = [certificate(-1, 1), certificate(-2, -1), certificate(1, 2)]

const authenticate = (presented: PresentedCredentials) =>
  Authenticator.use((authenticator) =>
    authenticator.authenticate(presented).pipe(
      Effect.map(({ name }) => name),
      Effect.catch((error) => Effect.succeed(error._tag))
    )
  )

/**
 * Defines the tests that every Authenticator for tokens and client certificates must pass. `make` builds the layer of
 * the implementation under test, with the fixture's users. The Clock must be at 0, the epoch.
 */
export const authenticatorSuite = (
  name: string,
  make: (fixture: AccessFixture) => Layer.Layer<Authenticator, unknown>
) =>
  describe(`Authenticator (${name})`, () => {
    layer(make(known))("reachable", (it) => {
      it.effect(
        "authenticate - returns the user of a token with all fields",
        Effect.fn(function* () {
          const { authenticate } = yield* Authenticator
          assert.deepStrictEqual(yield* authenticate(present(secret)), alice)
        })
      )

      it.effect(
        "authenticate - rejects unknown and missing tokens",
        Effect.fn(function* () {
          for (const token of ["another", `${secret} `, secret.toUpperCase(), "constructor", undefined]) {
            assert.strictEqual(yield* authenticate(present(token)), "NotAuthenticated")
          }
        })
      )

      it.effect(
        "cachedUser - returns only the user that authenticate returns",
        Effect.fn(function* () {
          const authenticator = yield* Authenticator
          for (const token of [secret, "the-token-of-bob", "another", undefined]) {
            for (const presented of [present(token), present(token, good), present(token, expired)]) {
              const before = Authenticator.cachedUser(authenticator, presented)
              const user = yield* Effect.option(authenticator.authenticate(presented))
              for (const cached of [before, Authenticator.cachedUser(authenticator, presented)]) {
                if (Option.isSome(cached)) assert.deepStrictEqual(cached, user)
              }
            }
          }
        })
      )

      it.effect(
        "authenticate - prefers a certificate within its validity to a token",
        Effect.fn(function* () {
          assert.strictEqual(yield* authenticate(present(undefined, good)), "carol")
          assert.strictEqual(yield* authenticate(present(secret, good)), "carol")
          for (const certificate of [expired, early]) {
            assert.strictEqual(yield* authenticate(present(secret, certificate)), alice.name)
            assert.strictEqual(yield* authenticate(present(undefined, certificate)), "NotAuthenticated")
          }
        })
      )
    })

    layer(make({ ...known, isReachable: false }))("unreachable", (it) => {
      it.effect(
        "authenticate - is undecided about tokens only, and its error does not contain the token",
        Effect.fn(function* () {
          const { authenticate: ask } = yield* Authenticator
          const error = yield* Effect.flip(ask(present(secret)))
          assert.strictEqual(error._tag, "Undecided")
          assert.notInclude(JSON.stringify(error), secret)
          assert.strictEqual(yield* authenticate(present(undefined, good)), "carol")
          assert.strictEqual(yield* authenticate(present(undefined)), "NotAuthenticated")
        })
      )
    })
  })

const authorize = (user: User, rule: ResourceRule.ResourceRule = packagesRule) =>
  Authorizer.use((authorizer) =>
    authorizer.authorize(user, rule).pipe(
      Effect.as("allowed"),
      Effect.catch((error) => Effect.succeed(error._tag))
    )
  )

/**
 * Defines the tests that every Authorizer must pass. `make` returns the layer of the implementation under test. The
 * implementation must be configured with the `rights` of the fixture.
 */
export const authorizerSuite = (
  name: string,
  make: (fixture: AccessFixture) => Layer.Layer<Authorizer, unknown>
) =>
  describe(`Authorizer (${name})`, () => {
    layer(make(known))("reachable", (it) => {
      it.effect(
        "authorize - allows a user who has the right",
        Effect.fn(function* () {
          assert.strictEqual(yield* authorize(alice), "allowed")
        })
      )

      it.effect(
        "isAllowedByCache - is true only for access that authorize allows",
        Effect.fn(function* () {
          const authorizer = yield* Authorizer
          for (const user of [alice, bob]) {
            for (const rule of [packagesRule, ResourceRule.make({ ...packagesRule, name: "another" })]) {
              const before = Authorizer.isAllowedByCache(authorizer, user, rule)
              const allowed = (yield* authorize(user, rule)) === "allowed"
              for (const cached of [before, Authorizer.isAllowedByCache(authorizer, user, rule)])
                assert.isTrue(allowed || !cached)
            }
          }
        })
      )

      it.effect(
        "authorize - denies every other user and every other rule",
        Effect.fn(function* () {
          assert.strictEqual(yield* authorize(bob), "Denied")
          assert.strictEqual(yield* authorize(authenticatedUser("constructor")), "Denied")
          for (const [part, value] of [
            ["verb", "list"],
            ["subresource", "prometheus-metrics"],
            ["namespace", "default"],
            ["name", "another"],
            ["resource", "daemonsets"],
            ["group", "batch"]
          ] as const) {
            assert.strictEqual(
              yield* authorize(alice, ResourceRule.make({ ...packagesRule, [part]: value })),
              "Denied"
            )
          }
        })
      )
    })

    layer(make({ ...known, isReachable: false }))("unreachable", (it) => {
      it.effect(
        "authorize - is undecided",
        Effect.fn(function* () {
          assert.strictEqual(yield* authorize(alice), "Undecided")
        })
      )
    })
  })
