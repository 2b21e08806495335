import { assert, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Array, Effect, Logger, Option, Predicate } from "effect"
import * as ListenAddress from "../../../src/config/ListenAddress.ts"
import { bytes, start, withPlatform } from "../ProxyHarness.ts"
import { startSecure, tokens } from "../SecureHarness.ts"

it.effect("each request except a probe has one log line, with the bytes of its body", () => {
  const lines: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    const [what, fields] = Array.ensure(message)
    if (what !== "request" || !Predicate.isReadonlyObject(fields)) return
    const { bytes, cache, clientAddress, method, route, status, upstream, user } = fields as Record<
      string,
      unknown
    >
    lines.push({ method, route, status, bytes, cache, upstream, clientAddress, user })
  })
  return withPlatform(
    Effect.gen(function* () {
      const [small, large] = [RegistryImage.ofPackage(bytes(1000)), RegistryImage.ofPackage(bytes(300_000))]
      const proxy = yield* start({ images: [small, large] })
      yield* proxy.request("/healthz")
      yield* proxy.request("/readyz")
      yield* proxy.package(small.digest)
      yield* proxy.package(small.digest)
      yield* proxy.package(large.digest)
      yield* proxy.package(small.digest, { method: "HEAD" })
      const problem = yield* proxy.package("nonsense")
      const line = {
        method: "GET",
        route: "package",
        status: 200,
        upstream: undefined,
        clientAddress: "127.0.0.1",
        user: undefined
      }
      assert.deepStrictEqual(lines, [
        { ...line, bytes: 1000, cache: "miss", upstream: "registry.test" },
        { ...line, bytes: 1000, cache: "memory" },
        { ...line, bytes: 300_000, cache: "miss", upstream: "registry.test" },
        { ...line, method: "HEAD", bytes: 0, cache: "memory" },
        { ...line, status: 400, bytes: problem.body.length, cache: undefined }
      ])
    })
  ).pipe(Effect.provide(Logger.layer([logger])))
})

it.effect("on the secure port the log line has the name of an authenticated user, for any status", () =>
  Effect.gen(function* () {
    const long = "system:serviceaccount:".padEnd(2000, "x")
    // This cache serves the package from memory after the first successful request.
    const {
      package: path,
      request,
      requests,
      reviews
    } = yield* startSecure({ cache: DigestCache.layerMemory({ cap: 1024 * 1024 }) })
    reviews.state.tokens.set("long", TestReviews.authenticatedUser(long))
    for (const [own, target] of [
      [{}, path],
      [{ token: "token-of-nobody" }, path],
      [{ token: tokens.packages }, "/elsewhere"],
      [{ token: tokens.none }, path],
      [{ token: tokens.packages }, path],
      [{ token: tokens.packages }, path],
      [{ token: tokens.packages }, "/package"],
      [{ token: tokens.packages, method: "POST" }, path],
      [{ token: "long" }, path]
    ] as const) {
      yield* request(target, own)
    }
    assert.deepStrictEqual(
      requests.map(({ clientAddress, status, user }) => [clientAddress, status, user]),
      [
        ["127.0.0.1", 401, undefined],
        ["127.0.0.1", 401, undefined],
        ["127.0.0.1", 404, undefined],
        ["127.0.0.1", 403, tokens.none],
        ["127.0.0.1", 200, tokens.packages],
        ["127.0.0.1", 200, tokens.packages],
        ["127.0.0.1", 400, tokens.packages],
        ["127.0.0.1", 405, tokens.packages],
        ["127.0.0.1", 403, `${long.slice(0, 511)}…`]
      ]
    )
    const metrics = yield* request("/metrics", { token: tokens.all })
    for (const name of Object.values(tokens)) assert.notInclude(metrics.body, name)
  }).pipe(Effect.scoped)
)

it.effect("an IPv4 client address is logged as IPv4 on a dual-stack listener", () => {
  const addresses: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    const [what, fields] = Array.ensure(message)
    if (what === "request" && Predicate.hasProperty(fields, "clientAddress"))
      addresses.push(fields.clientAddress)
  })
  return withPlatform(
    Effect.gen(function* () {
      const host = Option.some("::")
      const { origin } = yield* start({
        settings: { listenAddress: Option.some(new ListenAddress.ListenAddress({ host, port: 0 })) }
      })
      for (const address of ["127.0.0.1", "[::1]"])
        yield* nodeRequest(`http://${address}:${new URL(origin).port}/package`)
      assert.deepStrictEqual(addresses, ["127.0.0.1", "::1"])
    })
  ).pipe(Effect.provide(Logger.layer([logger])))
})
