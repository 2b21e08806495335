import * as NodeServices from "@effect/platform-node/NodeServices"
import { openAndRead } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, FileSystem, Layer, Random, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import { DigestCache } from "../../src/DigestCache.ts"
import { diskUse } from "@registry-packages-proxy/testkit/blob-store/DiskUse"
import { unfinished } from "../Harness.ts"
import { cap, packages } from "../fixtures/packages.ts"

const filler = fileURLToPath(new URL("../fixtures/filler.ts", import.meta.url))

/**
 * Starts a process that fills a cache, and kills the process after `delay` milliseconds. `compiled` is a directory for
 * Node's compile cache.
 */
const fillAndKill = (directory: string, compiled: string, delay: number) =>
  Effect.gen(function* () {
    const child = yield* ChildProcess.make(process.execPath, [filler, directory], {
      env: { NODE_COMPILE_CACHE: compiled },
      extendEnv: true,
      killSignal: "SIGKILL"
    })
    const started = yield* child.stdout.pipe(Stream.take(1), Stream.runCount)
    assert.strictEqual(started, 1, "the filler starts")
    yield* Effect.sleep(delay)
    yield* child.kill({ killSignal: "SIGKILL" })
  }).pipe(Effect.scoped)

const wanted = packages()

/**
 * For each delay, runs `fillAndKill` on the same directory. After each kill, asserts that all packages are correct.
 * Returns the numbers of temporary files and hits after each kill.
 */
const killEach = (delays: ReadonlyArray<number>, compiled: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    return yield* Effect.forEach(delays, (delay) =>
      Effect.gen(function* () {
        yield* fillAndKill(directory, compiled, delay)
        const left = (yield* unfinished(fs, directory)).length
        assert.isAtMost(diskUse(directory), cap, `after a kill at ${delay} ms`)
        const live = DigestCache.layer({ directory, cap }).pipe(Layer.provide(NodeServices.layer))
        const got = yield* Effect.forEach(wanted, (one) => openAndRead(one)).pipe(
          Effect.provide(live, { local: true })
        )
        assert.isTrue(
          got.every(({ isCorrect }) => isCorrect),
          `after a kill at ${delay} ms`
        )
        assert.isAtMost(diskUse(directory), cap)
        return { unfinished: left, hits: got.filter(({ result }) => result === "hit").length }
      })
    )
  }).pipe(Effect.scoped)

describe("a killed DigestCache", () => {
  it.live(
    "serves only right bytes, within the cap, after each of twenty kills",
    () =>
      Effect.gen(function* () {
        const seed = yield* Config.String("CRASH_SEED").pipe(
          Config.withDefault(String(yield* Random.nextInt))
        )
        yield* Effect.logInfo(`CRASH_SEED=${seed}`)
        const compiled = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
        const delays = yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Random.nextIntBetween(0, 200)
        ).pipe(Random.withSeed(seed))
        const lanes = [0, 1, 2, 3].map((lane) => delays.slice(lane * 5, lane * 5 + 5))
        const seen = yield* Effect.forEach(lanes, (lane) => killEach(lane, compiled), { concurrency: 4 })
        const sum = (of: "unfinished" | "hits") => seen.flat().reduce((total, one) => total + one[of], 0)
        assert.isAbove(sum("hits"), 0, "complete packages are hits")
        assert.isAbove(sum("unfinished"), 0, "some kills interrupted a write")
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    60_000
  )
})
