import { assert, describe, it } from "@effect/vitest"
import { ConnectionFailure, fromCode } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as Dialer from "@registry-packages-proxy/node-net/connect/Dialer"
import { Deferred, Effect, Fiber } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { EventEmitter } from "node:events"
import type { Socket } from "node:net"

/** A connection attempt that the test completes. */
class Attempt extends EventEmitter {
  readonly address: string
  destroyed = false

  constructor(address: string) {
    super()
    this.address = address
  }

  destroy(): void {
    this.destroyed = true
  }

  fail(code: string): void {
    this.emit("error", Object.assign(new Error("secret"), { code }))
  }
}

const v4 = (address: string): Dialer.HostAddress => ({ address, family: 4 })
const v6 = (address: string): Dialer.HostAddress => ({ address, family: 6 })

const settled = Effect.repeat(Effect.yieldNow, { times: 100 })

/**
 * Starts to dial `hostname` with a lookup that returns `addresses`. `attempts` contains the connection attempts, in the
 * order of their start.
 */
const dialing = Effect.fnUntraced(function* (
  addresses: ReadonlyArray<Dialer.HostAddress>,
  hostname: string = "server.test"
) {
  const attempts: Array<Attempt> = []
  const lookups: Array<string> = []
  const dialer = yield* Dialer.make((name) =>
    Effect.sync(() => {
      lookups.push(name)
      return addresses
    })
  )
  const fiber = yield* Effect.forkChild(
    Effect.result(
      dialer.dial(hostname, 5000, (address) => {
        const attempt = new Attempt(address)
        attempts.push(attempt)
        return attempt as unknown as Socket
      })
    )
  )
  yield* settled
  const result = Effect.map(Fiber.join(fiber), (result) =>
    result._tag === "Success" ? (result.success as unknown as Attempt).address : result.failure
  )
  return { attempts, lookups, fiber, result }
})

const addressesOf = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<string> =>
  attempts.map(({ address }) => address)

describe("a host with addresses of both families", () => {
  const addresses = [v6("fd00::1"), v4("10.0.0.1"), v6("fd00::2"), v4("10.0.0.2")]

  it.effect(
    "is tried at its first address for 300 ms, then also at the other family",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing(addresses)
      assert.deepStrictEqual(addressesOf(attempts), ["fd00::1"])
      yield* TestClock.adjust("299 millis")
      assert.deepStrictEqual(addressesOf(attempts), ["fd00::1"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(addressesOf(attempts), ["fd00::1", "10.0.0.1"])
      attempts[1]?.emit("connect")
      assert.strictEqual(yield* result, "10.0.0.1")
      assert.deepStrictEqual(
        attempts.map(({ destroyed }) => destroyed),
        [true, false]
      )
    })
  )

  it.effect(
    "keeps its first attempt, which may still win",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing(addresses)
      yield* TestClock.adjust("1 second")
      attempts[0]?.emit("connect")
      assert.strictEqual(yield* result, "fd00::1")
      assert.isTrue(attempts[1]?.destroyed)
      assert.isFalse(attempts[0]?.destroyed)
    })
  )

  it.effect(
    "is tried at the other family at once if the first family fails",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing(addresses)
      attempts[0]?.fail("ENETUNREACH")
      yield* settled
      assert.deepStrictEqual(addressesOf(attempts), ["fd00::1", "fd00::2"])
      attempts[1]?.fail("ENETUNREACH")
      yield* settled
      assert.deepStrictEqual(addressesOf(attempts), ["fd00::1", "fd00::2", "10.0.0.1"])
      attempts[2]?.emit("connect")
      assert.strictEqual(yield* result, "10.0.0.1")
    })
  )

  it.effect(
    "fails with the failure of the first address",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing([v6("fd00::1"), v4("10.0.0.1")])
      attempts[0]?.fail("ECONNREFUSED")
      yield* settled
      attempts[1]?.fail("EHOSTUNREACH")
      const failure = yield* result
      assert.instanceOf(failure, ConnectionFailure)
      assert.deepInclude(failure, { kind: "refused" })
    })
  )

  it.effect(
    "destroys all sockets when it is interrupted",
    Effect.fn(function* () {
      const { attempts, fiber } = yield* dialing(addresses)
      yield* TestClock.adjust("300 millis")
      yield* Fiber.interrupt(fiber)
      assert.lengthOf(attempts, 2)
      assert.isTrue(attempts.every(({ destroyed }) => destroyed))
    })
  )

  it.effect(
    "keeps one connection if both connect at once",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing(addresses)
      yield* TestClock.adjust("300 millis")
      attempts[1]?.emit("connect")
      attempts[0]?.emit("connect")
      const address = yield* result
      for (const attempt of attempts) assert.strictEqual(attempt.destroyed, attempt.address !== address)
    })
  )
})

describe("a host with addresses of one family", () => {
  it.effect(
    "is tried at one address after the other, each with a share of the time",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing([v4("10.0.0.1"), v4("10.0.0.2")])
      yield* TestClock.adjust("2499 millis")
      assert.lengthOf(attempts, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(addressesOf(attempts), ["10.0.0.1", "10.0.0.2"])
      assert.isTrue(attempts[0]?.destroyed)
      attempts[1]?.emit("connect")
      assert.strictEqual(yield* result, "10.0.0.2")
    })
  )

  it.effect(
    "gives each address at least two seconds",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing([1, 2, 3, 4, 5].map((number) => v4(`10.0.0.${number}`)))
      yield* TestClock.adjust("1999 millis")
      assert.lengthOf(attempts, 1)
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(attempts, 2)
      yield* TestClock.adjust("3 seconds")
      const failure = yield* result
      assert.deepInclude(failure, { kind: "timeout" })
      assert.isTrue(attempts.every(({ destroyed }) => destroyed))
    })
  )

  it.effect(
    "gives a single address the whole time",
    Effect.fn(function* () {
      const { attempts, result } = yield* dialing([v4("10.0.0.1")])
      yield* TestClock.adjust("4999 millis")
      attempts[0]?.emit("connect")
      assert.strictEqual(yield* result, "10.0.0.1")
    })
  )

  it.effect(
    "without an address fails: its name does not exist",
    Effect.fn(function* () {
      const { result } = yield* dialing([])
      assert.deepInclude(yield* result, { kind: "dns" })
    })
  )
})

describe("a host name", () => {
  it.effect(
    "is resolved; an IP address is not",
    Effect.fn(function* () {
      for (const address of ["10.0.0.9", "fd00::9"]) {
        const { attempts, lookups, result } = yield* dialing([], address)
        attempts[0]?.emit("connect")
        assert.strictEqual(yield* result, address)
        assert.deepStrictEqual(lookups, [])
      }
    })
  )

  it.effect(
    "is resolved once for concurrent dials, and again for later ones",
    Effect.fn(function* () {
      const answer = yield* Deferred.make<ReadonlyArray<Dialer.HostAddress>, ConnectionFailure>()
      let lookups = 0
      const dialer = yield* Dialer.make(() => {
        lookups++
        return Deferred.await(answer)
      })
      const dial = Effect.flip(
        dialer.dial("server.test", 5000, () => {
          throw new Error("there is no address")
        })
      )
      const first = yield* Effect.forkChild(dial)
      yield* settled
      const others = yield* Effect.forkChild(Effect.all([dial, dial], { concurrency: 2 }))
      yield* settled
      // An interrupted dial does not interrupt the shared lookup.
      yield* Fiber.interrupt(first)
      yield* Deferred.fail(answer, fromCode("EAI_AGAIN"))
      for (const failure of yield* Fiber.join(others)) assert.include(failure.detail, "name server")
      assert.strictEqual(lookups, 1)
      yield* dial
      assert.strictEqual(lookups, 2)
    })
  )
})
