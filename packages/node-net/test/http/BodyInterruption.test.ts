import { assert, it } from "@effect/vitest"
import { connectionClosed } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as BodyReader from "@registry-packages-proxy/node-net/http/BodyReader"
import { IncomingBody } from "@registry-packages-proxy/node-net/http/IncomingBody"
import { Effect, Fiber, References } from "effect"

/** Opens a body. `arrive` delivers text to the body, and `pull` reads the delivered text. */
const open = Effect.gen(function* () {
  const body: IncomingBody = new IncomingBody({
    pause: () => {},
    resume: () => {},
    close: () => body.end(connectionClosed)
  })
  const pull = yield* BodyReader.open(body, { readAhead: 100 })
  return {
    arrive: (text: string) => body.deliver(Buffer.from(text), false),
    pull: Effect.map(pull, (chunks) => Buffer.concat(chunks).toString())
  }
})

it.effect("a pull waits for the next bytes after an earlier pull was interrupted with bytes available", () =>
  Effect.gen(function* () {
    const { arrive, pull } = yield* open
    const fork = Effect.forkChild(pull, { startImmediately: true })
    const interrupted = yield* fork
    // The interruption and the next two pulls happen before the first pull is woken.
    arrive("first")
    interrupted.interruptUnsafe()
    const second = yield* fork
    const third = yield* fork
    assert.strictEqual(yield* Fiber.join(second), "first")
    for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
    arrive("more")
    assert.strictEqual(yield* Fiber.join(third), "more")
    // The scheduler must not yield, because a fiber that is interrupted after it has taken bytes loses these bytes.
  }).pipe(Effect.scoped, Effect.provideService(References.PreventSchedulerYield, true))
)

it.effect("a pull waits for the next bytes while the interruption of an earlier pull completes", () =>
  Effect.gen(function* () {
    for (let operations = 3; operations < 12; operations++) {
      const { arrive, pull } = yield* open
      const interrupted = yield* Effect.forkChild(
        Effect.provideService(pull, References.MaxOpsBeforeYield, operations),
        { startImmediately: true }
      )
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
      interrupted.interruptUnsafe()
      const next = yield* Effect.forkChild(pull, { startImmediately: true })
      yield* Fiber.await(interrupted)
      arrive("bytes")
      assert.strictEqual(yield* Fiber.join(next), "bytes")
    }
  }).pipe(Effect.scoped)
)

it.effect(
  "a pull that is interrupted after it was woken loses its bytes; the next pull gets the following ones",
  () =>
    Effect.gen(function* () {
      const { arrive, pull } = yield* open
      const woken = yield* Effect.forkChild(pull, { startImmediately: true })
      arrive("first")
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* Fiber.interrupt(woken)
      const next = yield* Effect.forkChild(pull, { startImmediately: true })
      arrive("second")
      assert.strictEqual(yield* Fiber.join(next), "second")
    }).pipe(Effect.scoped, Effect.provideService(References.PreventSchedulerYield, true))
)
