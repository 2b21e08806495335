import * as NodeServices from "@effect/platform-node/NodeServices"
import { get } from "@registry-packages-proxy/testkit/DigestCacheClient"
import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, FileSystem, Layer, Random, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import * as Live from "../src/DigestCacheLive.ts"
import { diskUse } from "./DiskUse.ts"
import { cap, packages } from "./fixtures/packages.ts"

const filler = fileURLToPath(new URL("./fixtures/filler.ts", import.meta.url))

/** Kills a filling cache some time after it began; how long is the seed's to say. */
const fillAndKill = (directory: string) =>
  Effect.gen(function* () {
    const child = yield* ChildProcess.make(process.execPath, [filler, directory], { killSignal: "SIGKILL" })
    const started = yield* child.stdout.pipe(Stream.take(1), Stream.runCount)
    assert.strictEqual(started, 1, "the filler starts")
    yield* Effect.sleep(yield* Random.nextIntBetween(0, 250))
    yield* child.kill({ killSignal: "SIGKILL" })
  }).pipe(Effect.scoped)

describe("DigestCache, killed", () => {
  it.live(
    "serves only right bytes within the cap after each of twenty kills",
    () =>
      Effect.gen(function* () {
        const seed = yield* Config.String("CRASH_SEED").pipe(Config.withDefault(String(yield* Random.nextInt)))
        yield* Effect.logInfo(`CRASH_SEED=${seed}`)
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        const seen = { hits: 0, refused: 0, unfinished: 0 }
        const ingest = `${directory}/ingest`
        yield* Effect.gen(function* () {
          for (let kill = 0; kill < 20; kill++) {
            yield* fillAndKill(directory)
            seen.unfinished += (yield* fs.readDirectory(ingest)).length
            assert.isAtMost(diskUse(directory), cap, `after kill ${kill}`)
            yield* Effect.gen(function* () {
              for (const wanted of packages()) {
                const got = yield* Effect.option(get(wanted))
                if (got._tag === "None") seen.refused++
                else {
                  assert.isTrue(got.value.right, `${wanted.size} bytes after kill ${kill}`)
                  if (got.value.result === "hit") seen.hits++
                }
                assert.isAtMost(diskUse(directory), cap)
              }
            }).pipe(
              Effect.provide(Live.layer({ directory, cap }).pipe(Layer.provide(NodeServices.layer)), { local: true })
            )
          }
        }).pipe(Random.withSeed(seed))
        assert.isAbove(seen.hits, 0, "what was whole is used")
        assert.isAbove(seen.unfinished, 0, "some were killed while they were written")
        assert.strictEqual(seen.refused, 0, "a process that is killed leaves only whole files under their names")
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    60_000
  )
})
