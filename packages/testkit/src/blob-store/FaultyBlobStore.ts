import { type BlobReader, BlobStoreError } from "@registry-packages-proxy/digest-cache/Blob"
import { BlobStore } from "@registry-packages-proxy/digest-cache/BlobStore"
import { Context, Effect, Layer, Option } from "effect"

/** An operation of a store that can fail. */
export type StoreOperation =
  | "find"
  | "reserve"
  | "write"
  | "seal"
  | "commit"
  | "open"
  | "read"
  | "unchanged"
  | "list"

/** Fails an operation, from the nth call on (1 unless told), so many times (for good unless told). */
export interface StoreFault {
  readonly operation: StoreOperation
  readonly from?: number
  readonly times?: number
}

/** The faults of a store, to be changed while it is used. */
export class StoreFaults extends Context.Service<
  StoreFaults,
  {
    /** Replaces all faults; calls are counted from here. */
    readonly set: (...faults: ReadonlyArray<StoreFault>) => Effect.Effect<void>
    /** How often a fault came true since `set`. */
    readonly struck: Effect.Effect<number>
  }
>()("@registry-packages-proxy/testkit/blob-store/FaultyBlobStore") {}

const make = Effect.gen(function* () {
  const store = yield* BlobStore
  let active: ReadonlyArray<{ readonly fault: StoreFault; calls: number }> = []
  let struck = 0

  const around = <A, R>(
    operation: StoreOperation,
    effect: Effect.Effect<A, BlobStoreError, R>
  ): Effect.Effect<A, BlobStoreError, R> =>
    Effect.suspend(() => {
      for (const entry of active) {
        const { from = 1, times = Number.POSITIVE_INFINITY } = entry.fault
        if (entry.fault.operation !== operation) continue
        entry.calls++
        if (entry.calls < from || entry.calls >= from + times) continue
        struck++
        return Effect.fail(new BlobStoreError({ cause: `${operation} fails because a test says so` }))
      }
      return effect
    })

  const readerOf = (blob: BlobReader): BlobReader => ({
    read: (into, position) => around("read", blob.read(into, position)),
    unchanged: around("unchanged", blob.unchanged)
  })

  const faulty = BlobStore.of({
    ...store,
    find: (key) => around("find", store.find(key)),
    reserve: (size) =>
      Effect.map(
        around("reserve", store.reserve(size)),
        Option.map((writer) => ({
          ...readerOf(writer),
          write: (bytes) => around("write", writer.write(bytes)),
          seal: around("seal", writer.seal),
          commit: (name) => around("commit", writer.commit(name))
        }))
      ),
    open: (blob) =>
      Effect.map(
        around("open", store.open(blob)),
        Option.map((opened) => ({ ...opened, ...readerOf(opened) }))
      ),
    list: around("list", store.list)
  })
  const faults = StoreFaults.of({
    set: (...faults) =>
      Effect.sync(() => {
        active = faults.map((fault) => ({ fault, calls: 0 }))
        struck = 0
      }),
    struck: Effect.sync(() => struck)
  })
  return Context.make(BlobStore, faulty).pipe(Context.add(StoreFaults, faults))
})

/** The store given, without faults until a test sets some. */
export const layer: Layer.Layer<BlobStore | StoreFaults, never, BlobStore> = Layer.effectContext(make)
