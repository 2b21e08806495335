import { follow, get, settled } from "@registry-packages-proxy/testkit/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/DigestCacheSource"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { DigestCache } from "../src/DigestCache.ts"
import { type Harness, withHarness } from "./Harness.ts"

const large = 1_000_003

/** Turns a byte of the one package on disk, as somebody else would, at a time of its own. */
const turn = (harness: Harness, at: number) =>
  Effect.gen(function* () {
    const [name = "none"] = yield* harness.blobs
    const file = harness.pathOf(name)
    const bytes = yield* harness.fs.readFile(file)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    yield* harness.fs.writeFile(file, bytes, { flag: "r+" })
    yield* harness.fs.utimes(file, 1000, 1000)
  }).pipe(Effect.orDie)

const opened = (wanted: TestPackage) => DigestCache.use((cache) => cache.open(wanted.key, wanted.source()))

/** Reads on to the end, and tells of the error that came in place of the last bytes. */
const brokenAt = Effect.fnUntraced(function* (
  body: ReturnType<Effect.Success<ReturnType<typeof opened>>["body"]>,
  begun: number
) {
  if (body._tag === "Bytes") return assert.fail("a large package has a reader")
  const buffer = new Uint8Array(100_000)
  let count = begun
  for (;;) {
    const step = yield* Effect.result(body.reader.read(buffer))
    if (step._tag === "Failure") return { count, reason: step.failure }
    if (step.success === 0) return assert.fail("a changed file must not end cleanly")
    count += step.success
  }
})

const isDiskFailed = (error: unknown): boolean =>
  String(error).includes("DiskFailed") || JSON.stringify(error).includes("DiskFailed")

describe("a file changed while it is read", () => {
  for (const how of ["a hit", "a fill"] as const) {
    it.effect(`breaks ${how} that was under way before its last bytes, and is fetched anew`, () =>
      withHarness((harness) =>
        harness.run(
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: large, seed: 1 })
            if (how === "a hit") yield* Effect.andThen(get(wanted), settled(wanted))
            const reading = yield* opened(wanted)
            assert.strictEqual(reading.result, how === "a hit" ? "hit" : "miss")
            const body = reading.body(0, large)
            if (body._tag === "Bytes") return assert.fail("a large package has a reader")
            const begun = yield* body.reader.read(new Uint8Array(1000))
            // A part of it is asked for too, all of which comes before the change.
            const other = yield* follow(wanted, { start: 10, end: 2000 })
            yield* Effect.yieldNow
            yield* settled(wanted)
            yield* other.at(1990)
            yield* turn(harness, 500_000)
            const { count, reason } = yield* brokenAt(body, begun)
            assert.isBelow(count, large)
            assert.isTrue(isDiskFailed(reason), String(reason))
            // The one who looks next finds a wrong byte, the one after has it anew.
            assert.strictEqual((yield* Effect.flip(get(wanted)))._tag, "BodyError")
            assert.deepStrictEqual(yield* get(wanted), { result: "miss", right: true })
          })
        )
      )
    )
  }

  it.effect("an open file that cannot be looked at, but read, is given", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(get(wanted), settled(wanted))
          const reader = yield* follow(wanted)
          yield* harness.faults.set({ operation: "stat", reason: "Unknown" })
          const bytes = yield* Fiber.await(reader.fiber)
          assert.strictEqual(bytes._tag, "Success")
          if (bytes._tag === "Success") assert.isTrue(bytes.value.equals(wanted.bytes))
        })
      )
    )
  )
})
