import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Logger } from "effect"
import * as StoreHealth from "../src/StoreHealth.ts"

it.effect("says once what the system calls the failure, and once that it is over", () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    lines.push(String(Array.isArray(message) ? message[0] : message))
  })
  return Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const health = StoreHealth.make("the cache directory")
    const error = yield* Effect.flip(fs.readFile("/proc/self/mem/not-there"))
    yield* health.failed("read", error)
    yield* health.failed("read", error)
    assert.isTrue(yield* health.degraded)
    yield* health.works("read")
    yield* health.works("read")
    assert.isFalse(yield* health.degraded)
    assert.deepStrictEqual(lines, [
      "the cache directory fails to read (ENOTDIR); packages pass by the cache meanwhile",
      "the cache directory works again (read)"
    ])
  }).pipe(Effect.provide([NodeFileSystem.layer, Logger.layer([logger])]))
})
