import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import { Cause, Clock, Effect, Exit, Fiber, Option, Result, Scope, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import * as FakeUpstream from "../../FakeUpstream.ts"
import { reason } from "../../FailureReason.ts"

const bytes = RegistryBlob.randomBytes(11, 1000)
const layer = { layerDigest: digestOf(bytes), size: bytes.length }

const serve = (asked: FakeUpstream.ReceivedRequest, count = bytes.length): FakeUpstream.FakeResponse => {
  const match = /^bytes=(\d+)-(\d+)$/.exec(asked.headers["range"] ?? "")
  if (match === null)
    return { status: 200, body: bytes.slice(0, count), headers: { "content-length": "1000" } }
  const [start, end] = [Number(match[1]), Number(match[2])]
  return {
    status: 206,
    body: bytes.slice(start, Math.min(end + 1, start + count)),
    headers: { "content-range": `bytes ${start}-${end}/1000`, "content-length": String(end + 1 - start) }
  }
}

const read = Effect.fnUntraced(function* (offset: number = 0) {
  const client = yield* RegistryClient
  const got: Array<Uint8Array> = []
  const fiber = yield* Effect.forkChild(
    client.blob(FakeUpstream.repository(), layer, offset).pipe(
      Stream.runForEach((chunk) => Effect.sync(() => got.push(chunk))),
      Effect.result
    )
  )
  const start = yield* Clock.currentTimeMillis
  let now = start
  while (fiber.pollUnsafe() === undefined && now - start < 400_000) {
    yield* TestClock.adjust(100)
    now = yield* Clock.currentTimeMillis
  }
  return { bytes: new Uint8Array(Buffer.concat(got)), result: yield* Fiber.join(fiber), millis: now - start }
})

describe("a blob", () => {
  it.effect(
    "is requested with identity coding, without a range from the start, and without trace headers",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => serve(asked))
      const { bytes: got } = yield* Effect.provide(read(), fake.layer)
      assert.deepStrictEqual(got, bytes)
      assert.strictEqual(fake.requests[0]?.headers["accept-encoding"], "identity")
      assert.isUndefined(fake.requests[0]?.headers["range"])
      assert.hasAllKeys(fake.requests[0]?.headers, ["accept", "accept-encoding", "user-agent"])
      assert.strictEqual(
        fake.requests[0]?.url,
        `https://registry.test/v2/some/packages/blobs/${layer.layerDigest}`
      )
      assert.strictEqual(fake.open(), 0)
    })
  )

  it.effect(
    "is requested by a closed range from an offset",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => serve(asked))
      const { bytes: got } = yield* Effect.provide(read(400), fake.layer)
      assert.deepStrictEqual(got, bytes.slice(400))
      assert.strictEqual(fake.requests[0]?.headers["range"], "bytes=400-999")
    })
  )

  it.effect(
    "is not requested from its end on",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => serve(asked))
      const { bytes: got, result } = yield* Effect.provide(read(1000), fake.layer)
      assert.strictEqual(got.length, 0)
      assert.isTrue(Result.isSuccess(result))
      assert.strictEqual(fake.requests.length, 0)
    })
  )

  for (const [what, afterwards] of [
    ["a reset", "ECONNRESET"],
    ["an early end", undefined],
    ["30 seconds of silence", "silence"]
  ] as const) {
    it.effect(
      `is resumed after ${what}, from the registry and not from the redirect target`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make((asked) => ({
          ...serve(asked, 300),
          ...(afterwards === undefined ? {} : { afterwards })
        }))
        const { bytes: got, result } = yield* Effect.provide(read(), fake.layer)
        assert.isTrue(Result.isSuccess(result))
        assert.deepStrictEqual(got, bytes)
        assert.deepStrictEqual(
          fake.requests.map(({ headers }) => headers["range"]),
          [undefined, "bytes=300-999", "bytes=600-999", "bytes=900-999"]
        )
        assert.strictEqual(fake.open(), 0)
      })
    )
  }

  it.effect(
    "skips known bytes if a resume gets the whole blob",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked, count) =>
        count === 1 ? serve(asked, 300) : { status: 200, body: bytes, headers: { "content-length": "1000" } }
      )
      const { bytes: got } = yield* Effect.provide(read(), fake.layer)
      assert.deepStrictEqual(got, bytes)
      assert.strictEqual(fake.requests.length, 2)
    })
  )

  it.effect(
    "is resumed as long as resumes bring bytes, and fails after five that do not",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked, count) =>
        count <= 20 ? serve(asked, 10) : { ...serve(asked, 0) }
      )
      const { bytes: got, result } = yield* Effect.provide(read(), fake.layer)
      assert.deepStrictEqual(got, bytes.slice(0, 200))
      assert.deepInclude(reason(result), { _tag: "ConnectionFailed", kind: "reset" })
      assert.strictEqual(fake.requests.length, 25)
      assert.strictEqual(fake.open(), 0)
    })
  )

  /**
   * Pulls a blob, and returns the delays before its resumes, in milliseconds. Connection n delivers `brings[n]` bytes
   * and ends.
   */
  const delaysOf = Effect.fnUntraced(function* (brings: ReadonlyArray<number>) {
    const big = new Uint8Array(brings.reduce((sum, count) => sum + count, 0))
    const at: Array<number> = []
    const fake = FakeUpstream.make((asked, count) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        at.push(now)
        const start = Number(/^bytes=(\d+)-/.exec(asked.headers["range"] ?? "bytes=0-")?.[1])
        return {
          status: start === 0 ? 200 : 206,
          body: big.slice(start, start + (brings[count - 1] ?? 0)),
          headers: start === 0 ? {} : { "content-range": `bytes ${start}-${big.length - 1}/${big.length}` }
        }
      })
    )
    const read = RegistryClient.use((client) =>
      Stream.runDrain(
        client.blob(FakeUpstream.repository(), { layerDigest: digestOf(big), size: big.length }, 0)
      )
    )
    const fiber = yield* Effect.forkChild(Effect.provide(read, fake.layer))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(fiber)
    return at.slice(1).map((time, index) => time - (at[index] ?? 0))
  })

  it.effect(
    "is resumed after 100 ms, doubled up to 5 s, if connections bring few bytes",
    Effect.fn(function* () {
      assert.deepStrictEqual(
        yield* delaysOf(Array.from({ length: 9 }, () => 65_535)),
        [100, 200, 400, 800, 1600, 3200, 5000, 5000]
      )
    })
  )

  it.effect(
    "is resumed at once after 64 KiB, which also resets the delay",
    Effect.fn(function* () {
      assert.deepStrictEqual(
        yield* delaysOf([65_536, 10, 10, 65_536, 65_535, 10, 10]),
        [0, 100, 200, 0, 100, 200]
      )
    })
  )

  it.effect(
    "counts a response without a byte as an attempt before the first byte",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => serve(asked, 0))
      const { result } = yield* Effect.provide(read(), fake.layer)
      assert.strictEqual(reason(result)["_tag"], "ConnectionFailed")
      assert.strictEqual(fake.requests.length, 4)
    })
  )

  it.effect(
    "fails at once if a resume gets 404",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked, count) => (count === 1 ? serve(asked, 300) : { status: 404 }))
      const { result } = yield* Effect.provide(read(), fake.layer)
      assert.strictEqual(reason(result)["_tag"], "BlobNotFound")
      assert.strictEqual(fake.requests.length, 2)
    })
  )

  it.effect(
    "never has more bytes than the layer's size",
    Effect.fn(function* () {
      const endless = FakeUpstream.make(() => ({
        status: 200,
        body: Buffer.concat([bytes, bytes]),
        afterwards: "silence"
      }))
      const { bytes: got, result, millis } = yield* Effect.provide(read(), endless.layer)
      assert.deepStrictEqual(got, bytes)
      assert.isTrue(Result.isSuccess(result))
      assert.isAtMost(millis, 1100)
      assert.strictEqual(endless.open(), 0)
    })
  )

  it.effect(
    "does not count the time of a slow consumer as silence",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => serve(asked))
      const fiber = yield* RegistryClient.use((client) =>
        client.blob(FakeUpstream.repository(), layer, 0).pipe(
          Stream.runForEach(() => Effect.sleep("2 minutes")),
          Effect.forkChild
        )
      ).pipe(Effect.provide(fake.layer))
      yield* TestClock.adjust("3 minutes")
      yield* Fiber.join(fiber)
      assert.strictEqual(fake.requests.length, 1)
    })
  )

  it.effect(
    "releases its connection when its reader stops or is interrupted",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => ({ ...serve(asked, 300), afterwards: "silence" }))
      const blob = Stream.unwrap(
        RegistryClient.use((client) => Effect.succeed(client.blob(FakeUpstream.repository(), layer, 0)))
      ).pipe(Stream.provide(fake.layer))
      assert.isTrue(Option.isSome(yield* Stream.runHead(blob)))
      assert.strictEqual(fake.open(), 0)
      const fiber = yield* Effect.forkChild(Stream.runDrain(blob))
      yield* TestClock.adjust(1)
      assert.strictEqual(fake.open(), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(fake.open(), 0)
    })
  )

  it.effect(
    "is not resumed when its scope closes while another fiber waits for bytes",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((asked) => ({ ...serve(asked, 300), afterwards: "silence" }))
      const scope = yield* Scope.make()
      const pull = yield* RegistryClient.use((client) =>
        Stream.toPull(client.blob(FakeUpstream.repository(), layer, 0))
      ).pipe(Effect.provide(fake.layer), Scope.provide(scope))
      yield* pull
      const waiting = yield* Effect.forkChild(Effect.exit(pull))
      yield* TestClock.adjust(1)
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Fiber.join(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual(fake.requests.length, 1)
      assert.strictEqual(fake.open(), 0)
    })
  )
})
