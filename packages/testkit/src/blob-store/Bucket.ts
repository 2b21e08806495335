import { Effect, Option, Schema } from "effect"

/** An operation on a {@link Bucket} failed. `code` is an error code of S3. */
export class BucketError extends Schema.TaggedError<BucketError>()("BucketError", {
  code: Schema.Literals(["NoSuchKey", "PreconditionFailed"])
}) {}

/** The metadata of an object in a bucket. */
export interface ObjectHead {
  readonly key: string
  /** Changes with each `put`. */
  readonly etag: string
  readonly size: number
}

/** A bucket in memory, with the operations of an S3-like service. */
export class Bucket {
  readonly #objects = new Map<string, ObjectHead & { readonly bytes: Uint8Array }>()
  #puts = 0

  put(key: string, bytes: Uint8Array): Effect.Effect<ObjectHead> {
    return Effect.sync(() => {
      const object = { key, etag: `"${++this.#puts}"`, size: bytes.length, bytes: Buffer.from(bytes) }
      this.#objects.delete(key)
      this.#objects.set(key, object)
      return object
    })
  }

  head(key: string): Effect.Effect<Option.Option<ObjectHead>> {
    return Effect.sync(() => Option.fromUndefinedOr(this.#objects.get(key)))
  }

  /**
   * Returns the bytes from `start` to `end` (exclusive), or fewer if the object is shorter. Fails with `NoSuchKey` if
   * the object does not exist. Fails with `PreconditionFailed` if the object's etag is not `etag`, as for a request
   * with If-Match.
   */
  get(key: string, etag: string, start: number, end: number): Effect.Effect<Uint8Array, BucketError> {
    return Effect.suspend(() => {
      const object = this.#objects.get(key)
      if (object === undefined) return new BucketError({ code: "NoSuchKey" })
      return object.etag === etag
        ? Effect.succeed(object.bytes.slice(start, end))
        : new BucketError({ code: "PreconditionFailed" })
    })
  }

  delete(key: string): Effect.Effect<void> {
    return Effect.sync(() => void this.#objects.delete(key))
  }

  /** The metadata of all objects, in the order of the last `put` of each object. */
  get list(): Effect.Effect<ReadonlyArray<ObjectHead>> {
    return Effect.sync(() => [...this.#objects.values()])
  }
}
