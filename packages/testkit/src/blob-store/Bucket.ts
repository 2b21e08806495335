import { Effect, Option, Schema } from "effect"

/** An operation on a bucket failed. */
export class BucketError extends Schema.TaggedError<BucketError>()("BucketError", {
  code: Schema.Literals(["NoSuchKey", "PreconditionFailed"])
}) {}

/** An object's metadata, without its bytes. */
export interface ObjectHead {
  readonly key: string
  /** Changes with each `put`. */
  readonly etag: string
  readonly size: number
}

/** Objects by key in memory, as an S3-like service keeps them. */
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
   * Returns the bytes from `start` to `end` (exclusive), or to the end of a shorter object. Fails with
   * `PreconditionFailed` if the object has another etag (as with If-Match), and with `NoSuchKey` if there is no object.
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

  /** All objects, in the order they were put. */
  get list(): Effect.Effect<ReadonlyArray<ObjectHead>> {
    return Effect.sync(() => [...this.#objects.values()])
  }
}
