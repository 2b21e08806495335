import { Effect, Option, type Scope } from "effect"
import {
  type BlobReader,
  BlobStoreError,
  type BlobWriter,
  type OpenBlob,
  type StoredBlob
} from "../../Blob.ts"
import { BlobIndex } from "../../BlobIndex.ts"
import type { PackageKey } from "../../PackageKey.ts"
import * as Metrics from "../../Metrics.ts"
import * as StoreHealth from "../../StoreHealth.ts"

/**
 * The number of bytes that the store counts for each blob in addition to the size of the blob. Without this overhead,
 * the number of empty blobs would have no limit.
 */
const overhead = 512

/**
 * A blob in memory. The array `bytes` also serves as the `BlobVersion`, because no other program can change the bytes.
 */
interface MemoryBlob extends StoredBlob {
  readonly bytes: Uint8Array
  /** The number of callers that have the blob open. */
  holders: number
}

const readerOf = (bytes: Uint8Array, length: () => number): BlobReader => ({
  read: (into, position) =>
    Effect.sync(() => {
      const part = bytes.subarray(position, Math.min(length(), position + into.length))
      into.set(part)
      return part.length
    }),
  unchanged: Effect.succeed(true)
})

/** Makes a `BlobStore` that stores at most `cap` bytes in memory. */
export const make = ({ cap }: { readonly cap: number }) => {
  const index = new BlobIndex<MemoryBlob>()
  let charged = 0

  const report = Effect.suspend(() => Metrics.reportUsage(charged, index.count))

  const releaseSpace = (size: number): void => {
    charged -= size + overhead
  }

  const drop = (blob: StoredBlob): void => {
    const current = index.current(blob)
    if (current === undefined) return
    index.remove(current)
    if (current.holders === 0) releaseSpace(current.bytes.length)
  }

  const release = (blob: MemoryBlob): void => {
    blob.holders--
    if (blob.holders === 0 && index.current(blob) === undefined) releaseSpace(blob.bytes.length)
  }

  /**
   * Reserves space for a blob of `size` bytes, and returns true. If necessary, evicts the least recently used blobs
   * that are not open. If eviction cannot free enough space, reserves and evicts nothing, and returns false.
   */
  const tryCharge = (size: number): boolean => {
    const victims: Array<MemoryBlob> = []
    let free = cap - charged
    for (const blob of index.all()) {
      if (free >= size + overhead) break
      if (blob.holders > 0) continue
      victims.push(blob)
      free += blob.bytes.length + overhead
    }
    if (free < size + overhead) return false
    victims.forEach(drop)
    charged += size + overhead
    return true
  }

  const writerOf = (size: number): BlobWriter & { readonly end: Effect.Effect<void> } => {
    const bytes = Buffer.allocUnsafeSlow(size)
    let written = 0
    let committed: MemoryBlob | undefined
    return {
      ...readerOf(bytes, () => written),
      write: (more) =>
        Effect.suspend(() => {
          if (written + more.length > size)
            return Effect.fail(new BlobStoreError({ cause: "more bytes written than reserved" }))
          bytes.set(more, written)
          written += more.length
          return Effect.void
        }),
      seal: Effect.succeed(bytes),
      commit: (name) =>
        Effect.suspend(() => {
          const replaced = index.findByName(name)
          if (replaced !== undefined) drop(replaced)
          committed = { name, bytes, holders: 1 }
          index.add(committed)
          return report
        }),
      end: Effect.suspend(() => {
        if (committed === undefined) releaseSpace(size)
        else release(committed)
        return report
      })
    }
  }

  const open = (blob: StoredBlob): Effect.Effect<Option.Option<OpenBlob>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const current = index.current(blob)
        if (current !== undefined) current.holders++
        return Option.fromUndefinedOr(current)
      }),
      Option.match({ onNone: () => Effect.void, onSome: (current) => Effect.sync(() => release(current)) })
    ).pipe(
      Effect.map(
        Option.map(({ bytes }) => ({
          ...readerOf(bytes, () => bytes.length),
          version: bytes,
          size: bytes.length
        }))
      )
    )

  return {
    find: (key: PackageKey) => Effect.sync(() => Option.fromUndefinedOr(index.find(key))),
    admits: (size: number) => size + overhead <= cap,
    reserve: (size: number) =>
      Effect.acquireRelease(
        Effect.sync(() => (tryCharge(size) ? Option.some(writerOf(size)) : Option.none())),
        Option.match({ onNone: () => Effect.void, onSome: ({ end }) => end })
      ),
    open,
    touch: (key: PackageKey): void => index.touch(key),
    remove: (blob: StoredBlob) =>
      Effect.suspend(() => {
        drop(blob)
        return report
      }),
    list: Effect.sync(() => index.names()),
    health: StoreHealth.make("memory")
  }
}
