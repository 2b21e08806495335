import { type BlobReader, BlobStoreError } from "@registry-packages-proxy/digest-cache/Blob"
import { BlobStore } from "@registry-packages-proxy/digest-cache/BlobStore"
import { Context, Effect, Layer, Option } from "effect"

/** The operations that a fault can affect. They are operations of a BlobStore, of its readers and of its writers. */
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

/**
 * Makes calls of an operation fail. The first failing call is number `fromCall` (default: 1). From this call on,
 * `times` calls fail (default: all).
 */
export interface StoreFault {
  readonly operation: StoreOperation
  readonly fromCall?: number
  readonly times?: number
}

/** Sets the faults of a BlobStore, and counts the failures that they cause. */
export class StoreFaults extends Context.Service<
  StoreFaults,
  {
    /** Replaces all faults, and restarts the counts of calls and failures. */
    readonly set: (...faults: ReadonlyArray<StoreFault>) => Effect.Effect<void>
    /** Number of failures caused since the last `set`. */
    readonly injectedFailures: Effect.Effect<number>
  }
>()("@registry-packages-proxy/testkit/blob-store/FaultyBlobStore") {}

const make = Effect.gen(function* () {
  const store = yield* BlobStore
  let active: ReadonlyArray<{ readonly fault: StoreFault; calls: number }> = []
  let injected = 0

  const around = <A, R>(
    operation: StoreOperation,
    effect: Effect.Effect<A, BlobStoreError, R>
  ): Effect.Effect<A, BlobStoreError, R> =>
    Effect.suspend(() => {
      for (const entry of active) {
        const { fromCall = 1, times = Number.POSITIVE_INFINITY } = entry.fault
        if (entry.fault.operation !== operation) continue
        entry.calls++
        if (entry.calls < fromCall || entry.calls >= fromCall + times) continue
        injected++
        return Effect.fail(new BlobStoreError({ cause: `${operation} fails: fault injected by a test` }))
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
        injected = 0
      }),
    injectedFailures: Effect.sync(() => injected)
  })
  return Context.make(BlobStore, faulty).pipe(Context.add(StoreFaults, faults))
})

/** Wraps the BlobStore that is provided to this layer. The store works normally until a test sets faults. */
export const layer: Layer.Layer<BlobStore | StoreFaults, never, BlobStore> = Layer.effectContext(make)
