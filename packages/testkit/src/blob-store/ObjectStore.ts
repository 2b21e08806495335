import {
  BlobStoreError,
  type BlobVersion,
  type BlobWriter,
  type OpenBlob,
  type StoredBlob
} from "@registry-packages-proxy/digest-cache/Blob"
import { BlobIndex } from "@registry-packages-proxy/digest-cache/BlobIndex"
import { format, parse } from "@registry-packages-proxy/digest-cache/BlobName"
import { BlobStore } from "@registry-packages-proxy/digest-cache/BlobStore"
import * as StoreHealth from "@registry-packages-proxy/digest-cache/StoreHealth"
import { Effect, FileSystem, Layer, Option } from "effect"
import type { Bucket } from "./Bucket.ts"

interface StoredObject extends StoredBlob {
  readonly etag: string
  readonly version: BlobVersion
}

const orStoreError = Effect.mapError((cause: unknown) => new BlobStoreError({ cause }))

/**
 * An example of a BlobStore over an S3-like bucket. `write` appends to a local file, and `commit` uploads the file. The
 * bucket's lifecycle rules evict blobs. No other program may write to the bucket.
 */
const make = Effect.fnUntraced(function* (bucket: Bucket, maxSize: number) {
  const fs = yield* FileSystem.FileSystem
  const index = new BlobIndex<StoredObject>()
  for (const { etag, key } of yield* bucket.list) {
    const name = Option.getOrUndefined(parse(key))
    if (name !== undefined) index.add({ name, etag, version: {} })
  }
  const headOf = ({ etag, name }: StoredObject) =>
    Effect.map(
      bucket.head(format(name)),
      Option.filter((head) => head.etag === etag)
    )

  const reserve = Effect.fnUntraced(function* (size: number) {
    if (size > maxSize) return Option.none()
    const path = yield* fs.makeTempFileScoped()
    const file = yield* fs.open(path, { flag: "r+" })
    const version: BlobVersion = {}
    return Option.some<BlobWriter>({
      // Uninterruptible: after an interruption, the system could still write into the buffer.
      read: (into, at) => Effect.uninterruptible(orStoreError(file.read(into, { position: BigInt(at) }))),
      unchanged: Effect.succeed(true),
      write: (bytes) => orStoreError(file.writeAll(bytes)),
      seal: Effect.succeed(version),
      commit: Effect.fnUntraced(function* (name) {
        const replaced = index.findByName(name)
        const { etag } = yield* bucket.put(format(name), yield* fs.readFile(path))
        index.add({ name, etag, version })
        if (replaced !== undefined && format(replaced.name) !== format(name))
          yield* bucket.delete(format(replaced.name))
      }, orStoreError)
    })
  }, orStoreError)

  const open = Effect.fnUntraced(function* (blob: StoredBlob) {
    const object = index.current(blob)
    const head = object === undefined ? Option.none() : yield* headOf(object)
    if (object === undefined || Option.isNone(head)) {
      index.remove(blob)
      return Option.none()
    }
    const read: OpenBlob["read"] = (into, at) =>
      bucket.get(format(object.name), object.etag, at, at + into.length).pipe(
        Effect.map((bytes) => (into.set(bytes), bytes.length)),
        orStoreError
      )
    const unchanged = Effect.map(headOf(object), Option.isSome)
    return Option.some<OpenBlob>({ version: object.version, size: head.value.size, read, unchanged })
  })

  return BlobStore.of({
    find: (key) => Effect.sync(() => Option.fromUndefinedOr(index.find(key))),
    admits: (size) => size <= maxSize,
    reserve,
    open,
    touch: (key) => index.touch(key),
    remove: (blob) => (index.remove(blob) ? bucket.delete(format(blob.name)) : Effect.void),
    list: Effect.sync(() => index.names()),
    health: StoreHealth.make("bucket")
  })
})

/**
 * Provides an example of a BlobStore over a bucket, for blobs of at most `maxSize` bytes. No other program may write to
 * the bucket.
 */
export const layer = (
  bucket: Bucket,
  { maxSize }: { readonly maxSize: number }
): Layer.Layer<BlobStore, never, FileSystem.FileSystem> => Layer.effect(BlobStore, make(bucket, maxSize))
