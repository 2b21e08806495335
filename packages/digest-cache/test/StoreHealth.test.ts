import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Logger } from "effect"
import * as StoreHealth from "../src/StoreHealth.ts"

it.effect("logs the first failure with its error code, and the first success after it", () => {
  const lines: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    lines.push(Array.isArray(message) ? message.slice(0, 2) : message)
  })
  return Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const health = StoreHealth.make("cache directory")
    const error = yield* Effect.flip(fs.readFile("/proc/self/mem/not-there"))
    yield* health.recordFailure("read", error)
    yield* health.recordFailure("read", error)
    assert.isTrue(yield* health.degraded)
    yield* health.recordSuccess("read")
    yield* health.recordSuccess("read")
    assert.isFalse(yield* health.degraded)
    assert.deepStrictEqual(lines, [
      [
        "cache store fails; packages bypass the cache",
        { store: "cache directory", use: "read", code: "ENOTDIR" }
      ],
      ["cache store works again", { store: "cache directory", use: "read" }]
    ])
  }).pipe(Effect.provide([NodeFileSystem.layer, Logger.layer([logger])]))
})
