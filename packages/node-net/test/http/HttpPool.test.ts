import { assert, describe, it } from "@effect/vitest"
import { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import type { HttpRequest } from "@registry-packages-proxy/node-net/http/HttpConnection"
import * as HttpPool from "@registry-packages-proxy/node-net/http/HttpPool"
import { Deferred, Effect, Exit, Fiber, References, Scope } from "effect"
import fc from "fast-check"
import { afterEach, beforeEach, vi } from "vitest"
import { collect, neverAborted, type Outcome } from "../Harness.ts"
import { FakeServer } from "./FakeServer.ts"

const request: HttpRequest = { method: "GET", target: "/", headers: { host: "server.test" } }

const setUp = Effect.fnUntraced(function* (options: Partial<HttpPool.HttpPoolOptions> = {}) {
  const server = new FakeServer()
  const pool = yield* HttpPool.make({
    connect: server.connect,
    maxConnections: 2,
    maxIdleConnections: 2,
    idleTimeout: "1 minute",
    ...options
  })
  const ask = (isIdempotent = true): Effect.Effect<Outcome> =>
    pool
      .send(request, { isIdempotent, signal: neverAborted })
      .pipe(
        Effect.matchEffect({ onSuccess: collect, onFailure: (failure) => Effect.succeed<Outcome>(failure) })
      )
  return { server, pool, ask }
})

const settled = Effect.repeat(Effect.yieldNow, { times: 100 })

const bodyOf = (outcome: Outcome): string =>
  outcome instanceof ConnectionFailure ? `failed: ${outcome.detail}` : outcome.body

describe("a pool", () => {
  it.effect(
    "reuses the most recently used connection first",
    Effect.fn(function* () {
      const { ask, server } = yield* setUp()
      const both = yield* Effect.forkChild(Effect.all([ask(), ask()], { concurrency: 2 }))
      yield* settled
      server.at(1).respond("one")
      server.at(0).respond("two")
      assert.deepStrictEqual((yield* Fiber.join(both)).map(bodyOf), ["two", "one"])
      const again = yield* Effect.forkChild(ask())
      yield* settled
      server.at(0).respond("again")
      assert.strictEqual(bodyOf(yield* Fiber.join(again)), "again")
      assert.lengthOf(server.sockets, 2)
    })
  )

  it.effect(
    "opens at most maxConnections; further requests wait in order",
    Effect.fn(function* () {
      const { ask, server } = yield* setUp({ maxConnections: 1 })
      const order: Array<number> = []
      const all = yield* Effect.forkChild(
        Effect.forEach(
          [1, 2, 3],
          (number) => Effect.tap(ask(), () => Effect.sync(() => order.push(number))),
          {
            concurrency: "unbounded"
          }
        )
      )
      for (let round = 1; round <= 3; round++) {
        yield* settled
        assert.lengthOf(server.at(0).written, round)
        server.at(0).respond()
      }
      yield* Fiber.join(all)
      assert.deepStrictEqual(order, [1, 2, 3])
      assert.lengthOf(server.sockets, 1)
    })
  )

  it.effect(
    "gives the slot of a closed connection to a waiting request",
    Effect.fn(function* () {
      const { ask, server } = yield* setUp({ maxConnections: 1 })
      const first = yield* Effect.forkChild(ask())
      yield* settled
      const second = yield* Effect.forkChild(ask())
      yield* settled
      server.at(0).hangUp()
      yield* settled
      server.at(1).respond("second")
      assert.include(bodyOf(yield* Fiber.join(first)), "closed")
      assert.strictEqual(bodyOf(yield* Fiber.join(second)), "second")
    })
  )

  it.effect(
    "drops an idle connection that ends or sends an unsolicited response",
    Effect.fn(function* () {
      for (const leave of ["end", "408"] as const) {
        const { ask, server } = yield* setUp()
        const first = yield* Effect.forkChild(ask())
        yield* settled
        server.at(0).respond()
        yield* Fiber.join(first)
        if (leave === "end") server.at(0).hangUp()
        else server.at(0).send("HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert.isTrue(server.at(0).destroyed)
        const second = yield* Effect.forkChild(ask())
        yield* settled
        server.at(1).respond("second")
        assert.strictEqual(bodyOf(yield* Fiber.join(second)), "second")
      }
    })
  )

  /** Makes a connection that has received one response, and on which a second request is in progress. */
  const reused = Effect.fnUntraced(function* (isIdempotent: boolean) {
    const set = yield* setUp()
    const first = yield* Effect.forkChild(set.ask())
    yield* settled
    set.server.at(0).respond()
    yield* Fiber.join(first)
    const second = yield* Effect.forkChild(set.ask(isIdempotent))
    yield* settled
    return { ...set, second }
  })

  it.effect(
    "retries once if a reused connection is closed before the first byte",
    Effect.fn(function* () {
      const { second, server } = yield* reused(true)
      server.at(0).hangUp()
      yield* settled
      server.at(1).respond("second")
      assert.strictEqual(bodyOf(yield* Fiber.join(second)), "second")
    })
  )

  it.effect(
    "does not retry a request that is not idempotent",
    Effect.fn(function* () {
      const { second, server } = yield* reused(false)
      server.at(0).hangUp()
      assert.include(bodyOf(yield* Fiber.join(second)), "closed")
      assert.lengthOf(server.sockets, 1)
    })
  )

  it.effect(
    "does not retry after the first byte of a response",
    Effect.fn(function* () {
      const { second, server } = yield* reused(true)
      server.at(0).send("H")
      server.at(0).hangUp()
      assert.include(bodyOf(yield* Fiber.join(second)), "closed")
      assert.lengthOf(server.sockets, 1)
    })
  )

  it.effect(
    "does not retry if a new connection is closed",
    Effect.fn(function* () {
      const { ask, server } = yield* setUp()
      const only = yield* Effect.forkChild(ask())
      yield* settled
      server.at(0).hangUp()
      assert.include(bodyOf(yield* Fiber.join(only)), "closed")
      assert.lengthOf(server.sockets, 1)
    })
  )

  it.effect(
    "closes the connection when the signal fires during the body",
    Effect.fn(function* () {
      const { pool, server } = yield* setUp()
      const controller = new AbortController()
      const head = yield* Effect.forkChild(
        pool.send(request, { isIdempotent: true, signal: controller.signal })
      )
      yield* settled
      server.at(0).send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
      const answer = yield* Fiber.join(head)
      const body = yield* Effect.forkChild(collect(answer))
      yield* settled
      controller.abort()
      const outcome = yield* Fiber.join(body)
      assert.isTrue(server.at(0).destroyed)
      assert.isFalse(outcome instanceof ConnectionFailure)
      if (!(outcome instanceof ConnectionFailure)) assert.strictEqual(outcome.broken?.kind, "reset")
    })
  )

  it.effect(
    "refuses a request with a line break, and sends nothing",
    Effect.fn(function* () {
      const { pool, server } = yield* setUp()
      for (const bad of [
        { ...request, headers: { ...request.headers, authorization: "Bearer a\r\nx: y" } },
        { ...request, headers: { "x y": "z" } },
        { ...request, target: "/a b" },
        { ...request, target: "/a\r\n" }
      ]) {
        const failure = yield* Effect.flip(pool.send(bad, { isIdempotent: true, signal: neverAborted }))
        assert.include(failure.detail, "character")
      }
      assert.isTrue(server.sockets.every(({ written }) => written.length === 0))
    })
  )

  it.effect(
    "that is retired closes idle connections, and others after their response",
    Effect.fn(function* () {
      const { ask, pool, server } = yield* setUp()
      const both = yield* Effect.forkChild(Effect.all([ask(), ask()], { concurrency: 2 }))
      yield* settled
      server.at(0).respond("one")
      pool.retire()
      assert.isTrue(server.at(0).destroyed)
      server.at(1).respond("two")
      assert.deepStrictEqual((yield* Fiber.join(both)).map(bodyOf), ["one", "two"])
      assert.isTrue(server.at(1).destroyed)
    })
  )

  it.effect(
    "that is closed fails requests in progress and waiting ones",
    Effect.fn(function* () {
      const scope = yield* Scope.make()
      const { ask, server } = yield* Scope.provide(setUp({ maxConnections: 1 }), scope)
      const all = yield* Effect.forkChild(Effect.all([ask(), ask(), ask()], { concurrency: 3 }))
      yield* settled
      yield* Scope.close(scope, Exit.void)
      for (const outcome of yield* Fiber.join(all)) assert.include(bodyOf(outcome), "closed")
      assert.lengthOf(server.open, 0)
    })
  )

  describe("with a clock", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
    afterEach(() => void vi.useRealTimers())

    it.effect(
      "closes a connection that is idle for a minute",
      Effect.fn(function* () {
        const { ask, server } = yield* setUp()
        for (let round = 0; round < 3; round++) {
          const asked = yield* Effect.forkChild(ask())
          yield* settled
          server.at(0).respond()
          yield* Fiber.join(asked)
          vi.advanceTimersByTime(59_000)
          assert.isFalse(server.at(0).destroyed)
        }
        vi.advanceTimersByTime(1_000)
        assert.isTrue(server.at(0).destroyed)
      })
    )
  })

  // A request must release its connection and its slot, at whatever step it is interrupted.
  it.effect("loses no connection and no slot to requests that are interrupted at any moment", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ yields: fc.nat(30), responds: fc.boolean() }), {
            minLength: 1,
            maxLength: 12
          }),
          (requests) =>
            Effect.runPromise(
              Effect.scoped(
                Effect.gen(function* () {
                  const { ask, server } = yield* setUp()
                  for (const { responds, yields } of requests) {
                    const asked = yield* Effect.forkChild(ask())
                    yield* Effect.repeat(Effect.yieldNow, { times: yields })
                    if (responds)
                      for (const socket of server.open) if (socket.written.length > 0) socket.respond()
                    yield* Fiber.interrupt(asked)
                  }
                  yield* settled
                  // Both slots are free, and the remaining connections respond.
                  const both = yield* Effect.forkChild(Effect.all([ask(), ask()], { concurrency: 2 }))
                  yield* settled
                  assert.isAtMost(server.open.length, 2)
                  for (const socket of server.open) socket.respond("both")
                  assert.deepStrictEqual((yield* Fiber.join(both)).map(bodyOf), ["both", "both"])
                })
              ).pipe(Effect.provideService(References.MaxOpsBeforeYield, 3))
            )
        ),
        { numRuns: 50 }
      )
    )
  )

  it.effect(
    "frees the slot of a connection that is closed before its first request",
    Effect.fn(function* () {
      const { ask, server } = yield* setUp({ maxConnections: 1 })
      server.beforeConnect = Effect.sync(() => server.at(0).hangUp())
      assert.include(bodyOf(yield* ask()), "closed")
      server.beforeConnect = Effect.void
      const next = yield* Effect.forkChild(ask())
      yield* settled
      server.at(1).respond("next")
      assert.strictEqual(bodyOf(yield* Fiber.join(next)), "next")
    })
  )

  it.effect(
    "destroys the sockets of an interrupted connection attempt, and frees its slot",
    Effect.fn(function* () {
      const { ask, server } = yield* setUp({ maxConnections: 1 })
      const gate = yield* Deferred.make<void>()
      server.beforeConnect = Deferred.await(gate)
      const left = yield* Effect.forkChild(ask())
      yield* settled
      assert.lengthOf(server.open, 1)
      yield* Fiber.interrupt(left)
      assert.lengthOf(server.open, 0)
      server.beforeConnect = Effect.void
      const next = yield* Effect.forkChild(ask())
      yield* settled
      server.at(1).respond("next")
      assert.strictEqual(bodyOf(yield* Fiber.join(next)), "next")
    })
  )
})
