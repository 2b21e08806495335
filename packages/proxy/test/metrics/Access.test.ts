import { assert, describe, it } from "@effect/vitest"
import { Forbidden, Invalid, Unreachable } from "@registry-packages-proxy/access-control/ReviewError"
import { Deferred, Effect, Fiber, Option, Redacted } from "effect"
import { bearerToken } from "../../src/http/access/AccessControl.ts"
import { startSecure, tokens } from "../http/SecureHarness.ts"

const ask = (path: string, token?: string, method = "GET") =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\n${token === undefined ? "" : `Authorization: Bearer ${token}\r\n`}\r\n`

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

describe("access on the secure port", () => {
  it.effect("each path requires its own permission, and probes require none", () =>
    Effect.gen(function* () {
      const { package: path, request } = yield* startSecure()
      for (const [token, onPackage, onMetrics] of [
        [tokens.all, 200, 200],
        [tokens.packages, 200, 403],
        [tokens.metrics, 403, 200],
        [tokens.none, 403, 403],
        ["token-of-nobody", 401, 401],
        [undefined, 401, 401]
      ] as const) {
        const own = token === undefined ? {} : { token }
        assert.strictEqual((yield* request(path, own)).status, onPackage, `package, ${token}`)
        assert.strictEqual((yield* request("/metrics", own)).status, onMetrics, `metrics, ${token}`)
        assert.strictEqual((yield* request("/healthz", own)).status, 200)
        assert.strictEqual((yield* request("/readyz", own)).status, 200)
        assert.strictEqual((yield* request("/elsewhere", own)).status, 404)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a refusal says what to do, in a problem that must not be cached", () =>
    Effect.gen(function* () {
      const { package: path, request } = yield* startSecure()
      const nobody = yield* request(path)
      assert.deepInclude(nobody.headers, { "www-authenticate": "Bearer", "cache-control": "no-store" })
      assert.match(nobody.body, /Authorization: Bearer/)
      const unknown = yield* request(path, { token: "token-of-nobody" })
      assert.strictEqual(unknown.headers["www-authenticate"], "Bearer")
      assert.match(unknown.body, /not valid/)
      assert.notInclude(unknown.body, "token-of-nobody")
      const denied = yield* request(path, { token: tokens.none })
      assert.match(denied.headers["content-type"] ?? "", /^application\/problem\+json/)
      assert.match(denied.body, /deployments\.apps\/http.*registry-packages-proxy.*d8-cloud-instance-manager/)
    }).pipe(Effect.scoped)
  )

  it.effect("closes the connection of an unauthenticated caller after any response", () =>
    Effect.gen(function* () {
      const { connect, package: path } = yield* startSecure()
      for (const [request, status] of [
        [ask(path), 401],
        [ask(path, "token-of-nobody"), 401],
        [ask("/elsewhere"), 404],
        [ask("/elsewhere", tokens.all), 404],
        [ask("/healthz"), 200],
        [ask("/healthz", undefined, "POST"), 405],
        [ask(path).replace("Host: x", "Host: x, y"), 400],
        [ask(path, undefined, "POST").replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\nbody"), 401]
      ] as const) {
        // The client does not close its side of the connection.
        const { exchange, socket } = yield* connect({ allowHalfOpen: true })
        const ended = yield* Deferred.make<void>()
        socket.once("end", () => Deferred.doneUnsafe(ended, Effect.void))
        const answer = yield* exchange(request)
        assert.strictEqual(statusOf(answer), status)
        assert.match(answer, /\r\nconnection: close\r\n/i)
        socket.resume()
        yield* Deferred.await(ended)
        // The server no longer reads, so a client that goes on writing gets a closed connection.
        yield* Effect.callback<void>((resume) => {
          socket.once("close", () => resume(Effect.void))
          const write = (): void =>
            void (socket.destroyed || socket.write(request, () => setImmediate(write)))
          write()
        })
      }
    }).pipe(Effect.scoped)
  )

  it.effect("keeps the connection of an authenticated caller", () =>
    Effect.gen(function* () {
      const { connect, package: path } = yield* startSecure()
      const { exchange, socket } = yield* connect()
      for (const [request, status] of [
        [ask(path, tokens.packages), 200],
        [ask("/metrics", tokens.packages), 403],
        [ask("/package", tokens.packages), 400],
        [ask(path, tokens.packages, "POST"), 405],
        [ask(path, tokens.packages), 200]
      ] as const) {
        const answer = yield* exchange(request)
        assert.strictEqual(statusOf(answer), status)
        assert.notMatch(answer, /\r\nconnection: close\r\n/i)
      }
      socket.destroy()
    }).pipe(Effect.scoped)
  )

  it.effect("several Authorization fields are refused, and none is used", () =>
    Effect.gen(function* () {
      const { connect, package: path, reviews } = yield* startSecure()
      for (const second of ["token-of-nobody", tokens.packages]) {
        const { exchange, socket } = yield* connect()
        const request = ask(path, tokens.packages)
        const answer = yield* exchange(
          request.replace("\r\n\r\n", `\r\nauthorization: Bearer ${second}\r\n\r\n`)
        )
        assert.strictEqual(statusOf(answer), 400)
        assert.match(answer, /one Authorization header/)
        socket.destroy()
      }
      assert.isEmpty(reviews.receivedReviews.tokens)
    }).pipe(Effect.scoped)
  )

  it.effect("authentication and authorization precede method, parameters and cache", () =>
    Effect.gen(function* () {
      const { package: path, registry, request } = yield* startSecure()
      for (const [method, own] of [
        ["POST", path],
        ["DELETE", path],
        ["GET", "/package"],
        ["GET", "/package?digest=nonsense"],
        ["HEAD", path]
      ] as const) {
        assert.strictEqual((yield* request(own, { method })).status, 401)
        assert.strictEqual((yield* request(own, { method, token: tokens.none })).status, 403)
      }
      assert.strictEqual(yield* registry.callCount("resolve"), 0)
      assert.strictEqual((yield* request(path, { method: "POST", token: tokens.all })).status, 405)
      assert.strictEqual((yield* request("/package", { token: tokens.all })).status, 400)
    }).pipe(Effect.scoped)
  )

  it.effect("no other spelling of a path reaches it without its permission", () =>
    Effect.gen(function* () {
      const { connect, image, registry } = yield* startSecure()
      const query = `?digest=${image.digest}`
      for (const path of [
        `//package${query}`,
        `/package/${query}`,
        `/package//${query}`,
        `/./package${query}`,
        `/x/../package${query}`,
        `/healthz/../package${query}`,
        `/healthz/..%2fpackage${query}`,
        `/healthz%2f..%2fpackage${query}`,
        `/%70ackage${query}`,
        `/package%2f${query}`,
        `/package%00${query}`,
        `/package;x${query}`,
        `/Package${query}`,
        `/PACKAGE${query}`,
        `\\package${query}`,
        `package${query}`,
        `/package#${query}`,
        `/metrics/`,
        `//metrics`,
        `/Metrics`,
        `/healthz/../metrics`,
        `/metrics%3f`,
        `https://x/healthz/../package${query}`,
        `https://x/%2e%2e/package${query}`,
        `https://x//package${query}`,
        `HTTPS://x/Package${query}`,
        `https:package${query}`,
        `ftp://x/package${query}`,
        `x:443`,
        `*`
      ]) {
        for (const token of [undefined, tokens.none, tokens.all]) {
          const answer = yield* Effect.scoped(
            Effect.flatMap(connect(), ({ exchange, socket }) =>
              Effect.ensuring(
                exchange(ask(path, token)),
                Effect.sync(() => socket.destroy())
              )
            )
          )
          assert.include([400, 404], statusOf(answer), path)
        }
      }
      assert.strictEqual(yield* registry.callCount("resolve"), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("the absolute form of a path requires the path's permission; CONNECT reaches nothing", () =>
    Effect.gen(function* () {
      const { connect, package: path } = yield* startSecure()
      for (const [target, token, status] of [
        [`https://x${path}`, undefined, 401],
        [`https://x${path}`, tokens.none, 403],
        [`https://x${path}`, tokens.all, 200],
        [`http://healthz${path}`, undefined, 401],
        [`https://x/healthz`, undefined, 200]
      ] as const) {
        const { exchange, socket } = yield* connect()
        assert.strictEqual(statusOf(yield* exchange(ask(target, token))), status, target)
        socket.destroy()
      }
      const { exchange } = yield* connect()
      const tunnel = yield* exchange("CONNECT 127.0.0.1:5080 HTTP/1.1\r\nHost: x\r\n\r\n")
      assert.strictEqual(statusOf(tunnel), 405)
    }).pipe(Effect.scoped)
  )

  it.effect("headers that claim an identity are ignored", () =>
    Effect.gen(function* () {
      const { package: path, request, reviews } = yield* startSecure()
      const claims = {
        "x-remote-user": tokens.all,
        "x-remote-group": "system:masters",
        "x-remote-extra-scopes": "all",
        "x-forwarded-user": tokens.all,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-client-cert": `Subject="CN=${tokens.all}"`,
        "x-ssl-client-cert": tokens.all,
        "impersonate-user": tokens.all,
        "impersonate-group": "system:masters",
        forwarded: "for=127.0.0.1"
      }
      assert.strictEqual((yield* request(path, { headers: claims })).status, 401)
      assert.strictEqual((yield* request(path, { headers: claims, token: tokens.none })).status, 403)
      assert.deepStrictEqual(
        reviews.receivedReviews.accesses.map(([user]) => [user.name, user.groups]),
        [[tokens.none, ["system:authenticated"]]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("an unavailable decision is a 503 with Retry-After", () =>
    Effect.gen(function* () {
      const { package: path, request, reviews } = yield* startSecure()
      for (const [failure, after] of [
        [new Unreachable({ detail: "no route" }), "5"],
        [new Forbidden({ detail: "no right" }), "30"],
        [new Invalid({ detail: "nonsense" }), "30"]
      ] as const) {
        reviews.state.failure = failure
        const { body, headers, status } = yield* request(path, { token: tokens.all })
        assert.strictEqual(status, 503)
        assert.strictEqual(headers["retry-after"], after)
        assert.include(body, "TokenReview")
        assert.strictEqual((yield* request("/healthz")).status, 200)
        assert.strictEqual((yield* request(path)).status, 401)
      }
      reviews.state.failure = undefined
      assert.strictEqual((yield* request(path, { token: tokens.all })).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("40 concurrent requests with a new token cost one review of each kind", () =>
    Effect.gen(function* () {
      const { package: path, request, reviews } = yield* startSecure()
      const gate = yield* Deferred.make<void>()
      reviews.state.beforeResult = Deferred.await(gate)
      const fibers = yield* Effect.forEach(Array.from({ length: 40 }), () =>
        Effect.forkChild(request(path, { token: tokens.packages }))
      )
      // After these responses, all 40 requests have arrived and wait for the same decision.
      yield* Effect.forEach(Array.from({ length: 40 }), () => request("/healthz"), {
        concurrency: "unbounded"
      })
      yield* Deferred.succeed(gate, undefined)
      const answers = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
      assert.lengthOf(reviews.receivedReviews.accesses, 1)
    }).pipe(Effect.scoped)
  )
})

describe("a bearer token", () => {
  it("is the text after the scheme, in any case, and nothing else", () => {
    const read = (header: string | undefined) => Option.map(bearerToken(header), Redacted.value)
    for (const header of ["Bearer abc", "bearer abc", "BEARER abc"]) {
      assert.deepStrictEqual(read(header), Option.some("abc"))
    }
    for (const header of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer  abc",
      "Bearer a b",
      "Basic abc",
      "xBearer abc",
      "Bearer abc\u00e9",
      "Bearer abc\n"
    ]) {
      assert.deepStrictEqual(read(header), Option.none(), header)
    }
  })
})
