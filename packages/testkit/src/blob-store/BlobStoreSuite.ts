import type { BlobReader, OpenBlob } from "@registry-packages-proxy/digest-cache/Blob"
import type { BlobName } from "@registry-packages-proxy/digest-cache/BlobName"
import { BlobStore } from "@registry-packages-proxy/digest-cache/BlobStore"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, Schema, type Scope } from "effect"
import { TestPackage } from "../digest-cache/TestPackage.ts"

/** The maximum size, in bytes, of the store that `suiteCapped` tests. */
export const cappedStoreBytes = 4 * 1024 * 1024

export type StoreLayer = Layer.Layer<BlobStore, unknown>

const size = 300_007

/** Returns the name under which a store keeps the blob of a package. */
export const blobNameOf = ({ descriptor, key }: TestPackage): BlobName => ({
  manifestDigest: key.manifestDigest,
  platform: descriptor.viaIndex ? Option.some(key.platform) : Option.none(),
  layerDigest: descriptor.layerDigest,
  size: descriptor.size,
  compression: descriptor.compression
})

const one = (seed: number, options: { readonly size?: number; readonly viaIndex?: boolean } = {}) =>
  new TestPackage({ size, seed, ...options })

const reserved = (wanted: TestPackage) =>
  Effect.flatMap(BlobStore, (store) => Effect.map(store.reserve(wanted.size), Option.getOrThrow))

/** Writes the bytes of a package in pieces, and commits the blob under `name`. */
const put = (wanted: TestPackage, name = blobNameOf(wanted)) =>
  Effect.gen(function* () {
    const writer = yield* reserved(wanted)
    for (let at = 0; at < wanted.size; at += 100_000)
      yield* writer.write(wanted.bytes.subarray(at, at + 100_000))
    yield* writer.seal
    yield* writer.commit(name)
  }).pipe(Effect.scoped)

const found = (wanted: TestPackage) => BlobStore.use((store) => store.find(wanted.key))

const opened = (wanted: TestPackage) =>
  Effect.gen(function* () {
    const store = yield* BlobStore
    const blob = Option.getOrThrow(yield* store.find(wanted.key))
    return Option.getOrThrow(yield* store.open(blob))
  })

/** Reads all bytes of a blob from `start` on, `piece` bytes at a time. */
const read = (blob: BlobReader, start = 0, piece = 70_001) =>
  Effect.gen(function* () {
    const parts: Array<Buffer> = []
    let position = start
    while (true) {
      const into = Buffer.alloc(piece)
      const count = yield* blob.read(into, position)
      if (count === 0) return Buffer.concat(parts)
      position += count
      parts.push(into.subarray(0, count))
    }
  })

const assertWhole = (wanted: TestPackage, blob: OpenBlob) =>
  Effect.gen(function* () {
    assert.strictEqual(blob.size, wanted.size)
    assert.isTrue((yield* read(blob)).equals(wanted.bytes))
    assert.isTrue(yield* blob.unchanged)
  })

/**
 * Reads an open blob that was removed or replaced. Asserts that the read either fails or returns the bytes of `wanted`.
 */
const assertRightOrFailed = (wanted: TestPackage, blob: BlobReader) =>
  read(blob).pipe(
    Effect.map((bytes) => assert.isTrue(bytes.equals(wanted.bytes))),
    Effect.catchTag("BlobStoreError", () => Effect.void)
  )

const testsOf =
  (store: StoreLayer) =>
  <E>(name: string, body: () => Effect.Effect<void, E, BlobStore | Scope.Scope>): void => {
    it.effect(name, () => Effect.provide(body(), store, { local: true }))
  }

/** Defines the tests that every BlobStore must pass. */
export const suite = (name: string, store: StoreLayer) =>
  describe(`BlobStore (${name})`, () => {
    const test = testsOf(store)

    for (const bytes of [0, 1, size]) {
      test(`commit - the written bytes can be read from every position (${bytes} bytes)`, () =>
        Effect.gen(function* () {
          const wanted = one(1, { size: bytes })
          assert.isTrue(Option.isNone(yield* found(wanted)))
          yield* put(wanted)
          const blob = yield* opened(wanted)
          yield* assertWhole(wanted, blob)
          for (const start of [1, 99_999, bytes - 1, bytes])
            assert.isTrue(
              (yield* read(blob, Math.max(0, start))).equals(wanted.bytes.subarray(Math.max(0, start)))
            )
          assert.deepStrictEqual(Option.getOrThrow(yield* found(wanted)).name, blobNameOf(wanted))
        }))
    }

    test("reserve - written bytes can be read before the blob can be found", () =>
      Effect.gen(function* () {
        const wanted = one(1)
        const writer = yield* reserved(wanted)
        for (const [start, end] of [
          [0, 100_000],
          [100_000, size]
        ] as const) {
          yield* writer.write(wanted.bytes.subarray(start, end))
          assert.isTrue((yield* read(writer)).equals(wanted.bytes.subarray(0, end)))
          assert.isTrue(yield* writer.unchanged)
        }
        const version = yield* writer.seal
        assert.isTrue(Option.isNone(yield* found(wanted)))
        yield* writer.commit(blobNameOf(wanted))
        assert.isTrue(yield* writer.unchanged)
        assert.isTrue((yield* read(writer)).equals(wanted.bytes), "still readable after the commit")
        const blob = yield* opened(wanted)
        assert.strictEqual(blob.version, version, "the version that was sealed")
        yield* assertWhole(wanted, blob)
      }))

    test("reserve - a blob that was not committed is never found", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        for (const step of ["reserved", "written", "sealed"]) {
          const wanted = one(1)
          yield* Effect.gen(function* () {
            const writer = yield* reserved(wanted)
            if (step !== "reserved") yield* writer.write(wanted.bytes)
            if (step === "sealed") yield* writer.seal
          }).pipe(Effect.scoped)
          assert.isTrue(Option.isNone(yield* found(wanted)), step)
          assert.deepStrictEqual(yield* store.list, [])
        }
      }))

    test("open - a blob has the same version each time it is opened", () =>
      Effect.gen(function* () {
        const [wanted, other] = [one(1), one(2)]
        yield* Effect.andThen(put(wanted), put(other))
        const { version } = yield* Effect.scoped(opened(wanted))
        assert.strictEqual((yield* opened(wanted)).version, version)
        assert.notStrictEqual((yield* opened(other)).version, version)
      }))

    test("find - a blob of an index is found for its platform only, and a blob of a manifest for every platform", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        for (const viaIndex of [true, false]) {
          const wanted = one(viaIndex ? 1 : 2, { viaIndex })
          yield* put(wanted)
          const other = yield* store.find({ ...wanted.key, platform: Platform.make("linux/arm64") })
          assert.strictEqual(Option.isNone(other), viaIndex)
          assert.deepStrictEqual(Option.getOrThrow(yield* found(wanted)).name, blobNameOf(wanted))
        }
      }))

    test("commit - replaces the previous blob of the same key", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        const [before, after] = [one(1), one(2, { size: size + 1 })]
        yield* put(before)
        const replaced = Option.getOrThrow(yield* found(before))
        const reading = yield* opened(before)
        yield* put(after, { ...blobNameOf(after), manifestDigest: before.key.manifestDigest })
        yield* assertWhole(after, yield* opened(before))
        assert.isTrue(Option.isNone(yield* store.open(replaced)))
        yield* assertRightOrFailed(before, reading)
        yield* store.remove(replaced)
        yield* assertWhole(after, yield* opened(before))
        assert.lengthOf(yield* store.list, 1)
      }))

    test("commit - a blob committed twice is found once", () =>
      Effect.gen(function* () {
        const wanted = one(1)
        yield* Effect.andThen(put(wanted), put(wanted))
        yield* assertWhole(wanted, yield* opened(wanted))
        assert.lengthOf(yield* (yield* BlobStore).list, 1)
      }))

    test("remove - a removed blob is not found, and can be written again", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        const wanted = one(1)
        yield* put(wanted)
        const blob = Option.getOrThrow(yield* found(wanted))
        const reading = yield* opened(wanted)
        for (const _ of ["once", "again"]) {
          yield* store.remove(blob)
          assert.isTrue(Option.isNone(yield* found(wanted)))
          assert.isTrue(Option.isNone(yield* store.open(blob)))
        }
        yield* assertRightOrFailed(wanted, reading)
        assert.deepStrictEqual(yield* store.list, [])
        yield* put(wanted)
        yield* store.remove(blob)
        yield* assertWhole(wanted, yield* opened(wanted))
      }))

    it.effect.prop(
      "list - names all blobs in the order of their last use, after any sequence of operations",
      [
        Schema.Array(
          Schema.Struct({
            what: Schema.Literals(["put", "touch", "remove"]),
            seed: Schema.Literals([1, 2, 3, 4])
          })
        )
      ],
      ([steps]) =>
        Effect.gen(function* () {
          const store = yield* BlobStore
          let model: ReadonlyArray<number> = []
          const packages = [1, 2, 3, 4].map((seed) =>
            one(seed, { size: 1000 + seed, viaIndex: seed % 2 === 0 })
          )
          const packageOf = (seed: number) => packages[seed - 1] ?? assert.fail("no such package")
          for (const { seed, what } of steps) {
            const wanted = packageOf(seed)
            const others = model.filter((it) => it !== seed)
            switch (what) {
              case "put":
                yield* put(wanted)
                model = [...others, seed]
                break
              case "touch":
                store.touch(wanted.key)
                if (model.includes(seed)) model = [...others, seed]
                break
              case "remove": {
                const blob = yield* store.find(wanted.key)
                assert.strictEqual(Option.isSome(blob), model.includes(seed))
                if (Option.isSome(blob)) yield* store.remove(blob.value)
                model = others
              }
            }
            assert.deepStrictEqual(
              yield* store.list,
              model.map((it) => blobNameOf(packageOf(it)))
            )
          }
        }).pipe(Effect.scoped, Effect.provide(store, { local: true })),
      { arbitrary: { runs: 30 } }
    )
  })

/** Defines the tests that a BlobStore with a maximum size must pass. The maximum must be {@link cappedStoreBytes}. */
export const suiteCapped = (name: string, store: StoreLayer) =>
  describe(`BlobStore with a cap (${name})`, () => {
    const test = testsOf(store)

    /** Size of a package in bytes. Two packages of this size fit into the store, but three do not. */
    const large = 1_500_000

    const isFound = (wanted: TestPackage) => Effect.map(found(wanted), Option.isSome)

    test("admits - accepts only a blob that would fit into an empty store", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        yield* put(one(1, { size: large }))
        assert.isTrue(store.admits(cappedStoreBytes - 65_536))
        assert.isFalse(store.admits(cappedStoreBytes))
        assert.isTrue(Option.isNone(yield* store.reserve(cappedStoreBytes)))
        assert.lengthOf(yield* store.list, 1, "nothing is evicted for a blob that cannot fit")
      }))

    test("reserve - evicts the least recently used blobs, and no more than needed", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        const [first, second, third] = [
          one(1, { size: large }),
          one(2, { size: large }),
          one(3, { size: large })
        ]
        yield* Effect.andThen(put(first), put(second))
        store.touch(first.key)
        yield* put(third)
        assert.deepStrictEqual(yield* Effect.forEach([first, second, third], isFound), [true, false, true])
      }))

    test("reserve - evicts no blob that is open or being written, and no blob if the space would still not be enough", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        const [first, second, third] = [
          one(1, { size: large }),
          one(2, { size: large }),
          one(3, { size: large })
        ]
        yield* put(first)
        yield* Effect.gen(function* () {
          const reading = yield* opened(first)
          yield* put(second)
          assert.isTrue(Option.isNone(yield* store.reserve(2 * large)))
          assert.isTrue(yield* isFound(second), "evicting it would not have been enough")
          yield* put(third)
          assert.deepStrictEqual(yield* Effect.forEach([first, second], isFound), [true, false])
          yield* reserved(one(4, { size: large }))
          assert.isTrue(
            Option.isNone(yield* Effect.scoped(store.reserve(large))),
            "all blobs are open or being written"
          )
          yield* assertWhole(first, reading)
        }).pipe(Effect.scoped)
        yield* put(one(5, { size: 2 * large }))
      }))

    test("commit - the space of the replaced blob is freed", () =>
      Effect.gen(function* () {
        const wanted = one(1, { size: large })
        for (let times = 0; times < 5; times++) yield* put(wanted)
        yield* put(one(2, { size: large }))
        assert.isTrue(yield* isFound(wanted), "both fit")
      }))

    test("reserve - the space of discarded and removed blobs is free once their last reader or writer closes", () =>
      Effect.gen(function* () {
        const store = yield* BlobStore
        const whole = one(1, { size: cappedStoreBytes - 65_536 })
        for (let times = 0; times < 3; times++) {
          yield* Effect.scoped(Effect.flatMap(reserved(whole), (writer) => writer.write(whole.bytes)))
          yield* put(whole)
          yield* Effect.gen(function* () {
            yield* opened(whole)
            yield* store.remove(Option.getOrThrow(yield* found(whole)))
            assert.isTrue(Option.isNone(yield* store.reserve(whole.size)), "the removed blob is still open")
          }).pipe(Effect.scoped)
        }
        yield* put(whole)
      }))
  })

/**
 * Defines the tests that a BlobStore must pass if it keeps its blobs after a restart. `place` creates empty storage,
 * and returns the layer of a store that uses this storage. The suite builds the layer twice, to simulate a restart.
 */
export const suiteDurable = <E>(name: string, place: Effect.Effect<StoreLayer, E, Scope.Scope>) =>
  describe(`BlobStore after a restart (${name})`, () => {
    it.effect("finds the committed blobs unchanged, and nothing else", () =>
      Effect.gen(function* () {
        const store = yield* place
        const packages = [one(1), one(2, { viaIndex: true }), one(3, { size: 0 })]
        yield* Effect.gen(function* () {
          yield* Effect.forEach(packages, (wanted) => put(wanted))
          const writer = yield* reserved(one(4))
          yield* writer.write(one(4).bytes)
        }).pipe(Effect.scoped, Effect.provide(store, { local: true }))
        yield* Effect.gen(function* () {
          for (const wanted of packages) yield* assertWhole(wanted, yield* opened(wanted))
          assert.lengthOf(yield* (yield* BlobStore).list, packages.length)
        }).pipe(Effect.scoped, Effect.provide(store, { local: true }))
      }).pipe(Effect.scoped)
    )
  })
