import { Effect } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { BlobStoreError } from "../../Blob.ts"

/** Converts file system errors to `BlobStoreError`. */
export const asStoreError = <A, R>(
  effect: Effect.Effect<A, PlatformError, R>
): Effect.Effect<A, BlobStoreError, R> => Effect.mapError(effect, (cause) => new BlobStoreError({ cause }))
