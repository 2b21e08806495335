import { Effect } from "effect"
import type { PlatformError } from "effect/PlatformError"

/** Deletes files, and retries those that cannot be unlinked. Their space stays charged meanwhile. */
export const make = (options: {
  readonly unlink: (file: string) => Effect.Effect<void, PlatformError>
  readonly onFailure: (cause: PlatformError) => Effect.Effect<void>
}) => {
  const pending = new Map<string, () => void>()

  /** Completes a delete: the file is gone, or another file has its name. */
  const complete = (file: string): void => {
    const onDeleted = pending.get(file)
    pending.delete(file)
    onDeleted?.()
  }

  const attempt = (file: string): Effect.Effect<void> =>
    options.unlink(file).pipe(
      Effect.map(() => complete(file)),
      Effect.catch(options.onFailure),
      Effect.uninterruptible
    )

  return {
    complete,
    /** Deletes a file, now or on a retry; calls `onDeleted` then. */
    remove: (file: string, onDeleted: () => void): Effect.Effect<void> =>
      Effect.suspend(() => {
        const earlier = pending.get(file)
        pending.set(file, () => {
          earlier?.()
          onDeleted()
        })
        return attempt(file)
      }),
    /** Retries the pending deletes. True if any succeeded. */
    retry: Effect.suspend(() => {
      const files = [...pending.keys()]
      return Effect.map(Effect.forEach(files, attempt, { discard: true }), () =>
        files.some((file) => !pending.has(file))
      )
    })
  }
}

export type PendingDeletes = ReturnType<typeof make>
