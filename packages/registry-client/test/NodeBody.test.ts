import { assert, it } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import { IncomingMessage } from "node:http"
import { Socket } from "node:net"
import { Flow } from "../src/internal/NodeBody.ts"

/** A message whose bytes come when the test says so. */
const open = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const source = new IncomingMessage(new Socket())
      return { source, flow: new Flow(source, (error) => error, undefined) }
    }),
    ({ flow }) => Effect.sync(() => flow.close())
  ),
  ({ flow, source }) => ({
    arrive: (text: string) => source.emit("data", Buffer.from(text)),
    pull: Effect.map(flow.pull, (chunks) => Buffer.concat(chunks).toString())
  })
)

it.effect("a pull waits for the next bytes though one before it was interrupted when some had come", () =>
  Effect.gen(function* () {
    const { arrive, pull } = yield* open
    const fork = Effect.forkChild(pull, { startImmediately: true })
    const interrupted = yield* fork
    // All of this before the first one would have been woken.
    arrive("first")
    interrupted.interruptUnsafe()
    const second = yield* fork
    const third = yield* fork
    assert.strictEqual(yield* Fiber.join(second), "first")
    for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
    arrive("more")
    assert.strictEqual(yield* Fiber.join(third), "more")
    // Steps of its own choosing only: a fiber interrupted with bytes in its hands takes them with it.
  }).pipe(Effect.scoped, Effect.provideService(References.PreventSchedulerYield, true))
)

it.effect(
  "a pull waits for the next bytes though one before it is only now done with being interrupted",
  () =>
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
