import { assert, describe, it } from "@effect/vitest"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import {
  Forbidden,
  Gone,
  Invalid,
  KubernetesError,
  NotFound,
  Unreachable
} from "@registry-packages-proxy/kubernetes/KubernetesError"
import { packagesRule } from "@registry-packages-proxy/testkit/access-control/AccessControlSuite"
import { authenticatedUser } from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import { Effect, Layer, Option, Redacted, Schema, Stream } from "effect"
import { Reviews } from "../src/Reviews.ts"

/**
 * Makes a fake Kubernetes API. It responds to each create request with the object and this `status`, or fails with
 * `failure`.
 */
const answering = (status: unknown, failure?: KubernetesError["reason"]) => {
  const created: Array<unknown> = []
  const api = KubernetesApi.of({
    get: () => Effect.die("nothing is read"),
    create: (resource, object) => {
      created.push(object)
      return failure === undefined
        ? Effect.orDie(Schema.decodeUnknownEffect(resource.schema)({ ...object, status }))
        : Effect.fail(new KubernetesError({ reason: failure }))
    },
    listWatch: () => Stream.empty
  })
  return {
    created,
    layer: Reviews.layerKubernetes.pipe(Layer.provide(Layer.succeed(KubernetesApi, api)))
  }
}

const ask = Reviews.use((reviews) => reviews.tokenReview(Redacted.make("the-token")))
const alice = authenticatedUser("alice", { uid: "u", groups: ["g"], extra: { k: ["v"] } })
const askAccess = Reviews.use((reviews) => reviews.subjectAccessReview(alice, packagesRule))

describe("Reviews.layerKubernetes", () => {
  it.effect("sends the token, for the API server's own audience, and reads the user", () => {
    const { created, layer } = answering({
      authenticated: true,
      user: { username: "alice", uid: "u", groups: ["g"], extra: { k: ["v"], n: null } }
    })
    return Effect.gen(function* () {
      const found = Option.getOrThrow(yield* ask)
      assert.deepStrictEqual(created, [{ spec: { token: "the-token" } }])
      assert.deepStrictEqual(
        found,
        authenticatedUser("alice", { uid: "u", groups: ["g"], extra: { k: ["v"], n: [] } })
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("accepts a token only if the status is authenticated and names a user", () =>
    Effect.gen(function* () {
      for (const status of [
        {},
        { authenticated: false },
        { user: { username: "alice" } },
        { authenticated: false, user: { username: "alice" } },
        { authenticated: true },
        { authenticated: true, user: {} },
        { authenticated: true, user: { username: "" } }
      ]) {
        assert.isTrue(Option.isNone(yield* Effect.provide(ask, answering(status).layer)))
      }
    })
  )

  it.effect("sends all fields of the user and all parts of the rule", () => {
    const { created, layer } = answering({ allowed: true })
    return Effect.gen(function* () {
      assert.isTrue(yield* askAccess)
      assert.deepStrictEqual(created, [
        {
          spec: {
            user: "alice",
            uid: "u",
            groups: ["g"],
            extra: { k: ["v"] },
            resourceAttributes: {
              verb: "get",
              group: "apps",
              version: "v1",
              resource: "deployments",
              subresource: "http",
              namespace: "d8-cloud-instance-manager",
              name: "registry-packages-proxy"
            }
          }
        }
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("allows an access only if the status allows and does not deny it", () =>
    Effect.gen(function* () {
      for (const status of [{ allowed: false }, { allowed: true, denied: true }]) {
        assert.isFalse(yield* Effect.provide(askAccess, answering(status).layer))
      }
    })
  )

  it.effect("maps API errors to Unreachable, Forbidden and Invalid", () =>
    Effect.gen(function* () {
      const detail = "why"
      for (const [failure, tag] of [
        [new Unreachable({ detail, retryAfter: Option.none() }), "Unreachable"],
        [new Forbidden({ detail, status: 403 }), "Forbidden"],
        [new NotFound({ detail }), "Invalid"],
        [new Gone({ detail }), "Invalid"],
        [new Invalid({ detail }), "Invalid"]
      ] as const) {
        const { layer } = answering(undefined, failure)
        const errors = [
          yield* Effect.flip(Effect.provide(ask, layer)),
          yield* Effect.flip(Effect.provide(askAccess, layer))
        ]
        for (const { reason } of errors) assert.deepInclude(reason, { _tag: tag, detail })
      }
    })
  )
})
