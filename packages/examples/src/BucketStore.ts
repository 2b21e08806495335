import * as Cache from "@registry-packages-proxy/digest-cache"
import type { Bucket } from "@registry-packages-proxy/testkit"
import { Effect, Layer, Option } from "effect"

type StoredObject = Cache.StoredBlob & { readonly etag: string; readonly version: Cache.BlobVersion }

const { format, parse } = Cache.BlobName
const orStoreError = Effect.mapError((cause: unknown) => new Cache.BlobStoreError({ cause }))

const make = Effect.fnUntraced(function* (bucket: Bucket, maxSize: number) {
  const index = new Cache.BlobIndex<StoredObject>()
  for (const { etag, key } of yield* bucket.list)
    for (const name of Option.toArray(parse(key))) index.add({ name, etag, version: {} })

  const writer = (bytes: Buffer, version: Cache.BlobVersion): Cache.BlobWriter => {
    let length = 0
    return {
      write: (chunk) => Effect.sync(() => void (bytes.set(chunk, length), (length += chunk.length))),
      read: (into, at) => Effect.sync(() => bytes.copy(into, 0, at, length)),
      unchanged: Effect.succeed(true),
      seal: Effect.succeed(version),
      commit: (name) =>
        orStoreError(bucket.put(format(name), bytes)).pipe(
          Effect.map(({ etag }) => index.add({ name, etag, version }))
        )
    }
  }

  const open = Effect.fnUntraced(function* (blob: Cache.StoredBlob) {
    const object = index.current(blob)
    if (object === undefined) return Option.none()
    const { etag, name, version } = object
    const head = bucket.head(format(name)).pipe(Effect.map(Option.filter((head) => head.etag === etag)))
    const found = yield* head
    if (Option.isNone(found)) index.remove(object)
    const unchanged = Effect.map(head, Option.isSome)
    const read: Cache.OpenBlob["read"] = (into, at) =>
      orStoreError(bucket.get(format(name), etag, at, at + into.length)).pipe(
        Effect.map((bytes) => (into.set(bytes), bytes.length))
      )
    return Option.map(found, ({ size }): Cache.OpenBlob => ({ size, version, read, unchanged }))
  })

  return Cache.BlobStore.of({
    find: (key) => Effect.sync(() => Option.fromUndefinedOr(index.find(key))),
    admits: (size) => size <= maxSize,
    reserve: (size) =>
      Effect.sync(() => (size <= maxSize ? Option.some(writer(Buffer.alloc(size), {})) : Option.none())),
    open,
    touch: (key) => index.touch(key),
    remove: (blob) => (index.remove(blob) ? bucket.delete(format(blob.name)) : Effect.void),
    list: Effect.sync(() => index.names()),
    health: Cache.StoreHealth.make("the bucket")
  })
})

/** A blob store in a bucket, for blobs of at most `maxSize` bytes. A blob is in memory until it is uploaded. */
export const layer = (bucket: Bucket, maxSize: number): Layer.Layer<Cache.BlobStore> =>
  Layer.effect(Cache.BlobStore, make(bucket, maxSize))
