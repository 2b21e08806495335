import {
  admissionResult,
  openAndRead,
  peek,
  readRange,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { assert, describe, it } from "@effect/vitest"
import { adjust } from "@registry-packages-proxy/testkit/machine/TestClock"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, Option } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"
import { assertRoom, type Harness, unfinished, withHarness } from "../Harness.ts"

const large = 600_000
const small = 10_000

const fill = (packages: ReadonlyArray<TestPackage>) =>
  Effect.forEach(packages, (wanted) => Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted)), {
    discard: true
  })

const cached = (packages: ReadonlyArray<TestPackage>) =>
  Effect.gen(function* () {
    const statuses = yield* Effect.forEach(packages, ({ key }) => peek(key))
    return statuses.map(Option.isSome)
  })

const three = (size: number) => [1, 2, 3].map((seed) => new TestPackage({ size, seed }))

const onlyBlob = (harness: Harness) =>
  Effect.map(harness.blobs, (names) => harness.pathOf(names[0] ?? "none"))

const overwrite = (harness: Harness, at: number) =>
  Effect.gen(function* () {
    const file = yield* onlyBlob(harness)
    const bytes = yield* Effect.orDie(harness.fs.readFile(file))
    bytes[at] = (bytes[at] ?? 0) ^ 1
    yield* Effect.orDie(harness.fs.writeFile(file, bytes, { flag: "r+" }))
  })

describe("DigestCache after a restart", () => {
  it.effect("serves cached packages without their source", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const packages = [...three(large), ...three(small)]
        yield* harness.run(fill(packages))
        yield* harness.run(
          Effect.gen(function* () {
            for (const wanted of packages) {
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
              assert.strictEqual(wanted.resolveCalls, 1)
            }
          })
        )
      })
    )
  )

  it.effect("verifies a large file once, at its first use", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 1 })
        yield* harness.run(fill([wanted]))
        let count = 0
        yield* harness.run(
          Effect.gen(function* () {
            harness.hooks.after = (operation) =>
              Effect.sync(() => {
                if (operation === "read") count++
              })
            const reads: Array<number> = []
            for (let times = 0; times < 3; times++) {
              count = 0
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
              yield* settle
              reads.push(count)
            }
            const [first = 0, second, third] = reads
            assert.strictEqual(second, third)
            assert.isAbove(first, second ?? 0)
          })
        )
      })
    )
  )

  it.effect("keeps and counts foreign files, and removes unfinished ones", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const { directory, fs } = harness
        yield* Effect.orDie(
          Effect.gen(function* () {
            yield* fs.makeDirectory(`${directory}/blobs`, { recursive: true })
            yield* fs.makeDirectory(`${directory}/lost`, { recursive: true })
            yield* fs.writeFile(`${directory}/blobs/ingest-7`, new Uint8Array(5000))
            yield* fs.writeFile(`${directory}/lost/notes`, new Uint8Array(400_000))
            yield* fs.writeFile(`${directory}/blobs/sha256:abc`, new Uint8Array(400_000))
            yield* fs.symlink("/", `${directory}/blobs/everything`)
          })
        )
        const wanted = new TestPackage({ size: large, seed: 1 })
        yield* harness.run(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* unfinished(fs, directory), [])
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
            assert.strictEqual(yield* admissionResult(large), "bypass")
          }),
          { cap: 1_300_000 }
        )
        yield* harness.run(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
          }),
          { cap: 1_500_000 }
        )
        assert.strictEqual((yield* Effect.orDie(fs.readFile(`${directory}/lost/notes`))).length, 400_000)
        assert.include(yield* harness.blobs, "sha256:abc")
      })
    )
  )

  it.effect("keeps the order of last use, and evicts at start for a smaller cap", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const packages = three(large)
        const [first] = packages
        if (first === undefined) return
        yield* harness.run(
          Effect.gen(function* () {
            for (const wanted of packages) {
              yield* adjust("10 seconds")
              yield* fill([wanted])
            }
            yield* adjust("10 seconds")
            yield* openAndRead(first)
          })
        )
        yield* harness.run(
          Effect.map(cached(packages), (present) => assert.deepStrictEqual(present, [true, false, true])),
          { cap: 1_400_000 }
        )
        yield* harness.run(
          Effect.map(cached(packages), (present) => assert.deepStrictEqual(present, [true, false, false])),
          { cap: 700_000 }
        )
        yield* harness.run(
          Effect.map(cached(packages), (present) => assert.deepStrictEqual(present, [false, false, false])),
          { cap: 100_000 }
        )
        assert.deepStrictEqual(yield* harness.blobs, [])
      })
    )
  )

  it.effect("saving last uses makes no file look changed", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 1 })
        yield* harness.run(
          Effect.gen(function* () {
            yield* fill([wanted])
            const before = yield* harness.fs.stat(yield* onlyBlob(harness))
            for (let times = 0; times < 3; times++) {
              yield* openAndRead(wanted)
              yield* adjust("31 seconds")
              yield* settle
              const { atime } = yield* harness.fs.stat(yield* onlyBlob(harness))
              assert.strictEqual(Option.getOrThrow(atime).getTime(), times * 31_000)
            }
            const after = yield* harness.fs.stat(yield* onlyBlob(harness))
            assert.strictEqual(
              Option.getOrThrow(after.mtime).getTime(),
              Option.getOrThrow(before.mtime).getTime()
            )
          })
        )
      })
    )
  )

  for (const at of [0, 300_000, large - 1]) {
    it.effect(
      `finds a wrong byte ${at} of a large file: the first use breaks, the next fetches it again`,
      () =>
        withHarness((harness) =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: large, seed: 1 })
            yield* harness.run(fill([wanted]))
            yield* overwrite(harness, at)
            yield* harness.run(
              Effect.gen(function* () {
                const error = yield* Effect.flip(openAndRead(wanted))
                assert.strictEqual(
                  error._tag === "BodyError" ? error.reason._tag : error._tag,
                  "DigestMismatch"
                )
                assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
              })
            )
          })
        )
    )

    it.effect(`finds byte ${at} changed in place while the cache runs`, () =>
      withHarness((harness) =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* harness.run(
            Effect.gen(function* () {
              yield* fill([wanted])
              assert.strictEqual((yield* openAndRead(wanted)).result, "hit")
              const file = yield* onlyBlob(harness)
              yield* overwrite(harness, at)
              yield* harness.fs.utimes(file, 1000, 1000)
              assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "BodyError")
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
            })
          )
        })
      )
    )
  }

  it.effect(
    "fetches a small file with a wrong byte, and any file of a wrong size, without a broken response",
    () =>
      withHarness((harness) =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: small, seed: 1 })
          yield* harness.run(fill([wanted]))
          yield* overwrite(harness, 5)
          yield* harness.run(
            Effect.map(openAndRead(wanted), (got) =>
              assert.deepStrictEqual(got, { result: "miss", isCorrect: true })
            )
          )
          yield* Effect.orDie(harness.fs.truncate(yield* onlyBlob(harness), 7))
          yield* harness.run(
            Effect.map(openAndRead(wanted), (got) =>
              assert.deepStrictEqual(got, { result: "miss", isCorrect: true })
            )
          )
        })
      )
  )

  it.effect("a file whose size differs from its name, as after a crash, is removed at start", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const packages = three(large)
        yield* harness.run(fill(packages))
        const [longer = "", shorter = "", empty = ""] = yield* harness.blobs
        yield* Effect.orDie(
          Effect.gen(function* () {
            yield* harness.fs.truncate(harness.pathOf(longer), large + 1_500_000)
            yield* harness.fs.truncate(harness.pathOf(shorter), large - 1)
            yield* harness.fs.truncate(harness.pathOf(empty), 0)
          })
        )
        yield* harness.run(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* cached(packages), [false, false, false])
            assert.deepStrictEqual(yield* harness.blobs, [])
            for (const wanted of packages) {
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
            }
            yield* Effect.forEach(packages, awaitPullEnd)
            yield* assertRoom()
          })
        )
      })
    )
  )

  it.effect(
    "a deleted file is a miss, also for peek; a file replaced by an equal one is verified again",
    () =>
      withHarness((harness) =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* harness.run(
            Effect.gen(function* () {
              const cache = yield* DigestCache
              yield* fill([wanted])
              const file = yield* onlyBlob(harness)
              yield* harness.fs.copyFile(file, `${harness.directory}/copy`)
              yield* harness.fs.rename(`${harness.directory}/copy`, file)
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
              const opened = yield* cache.open(wanted.key, wanted.source())
              yield* harness.fs.remove(file)
              assert.isTrue(Option.isNone(yield* peek(wanted.key)))
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
              assert.isTrue((yield* readRange(opened)).equals(wanted.bytes), "who had it open reads on")
            })
          )
        })
      )
  )
})
