import { Effect } from "effect"
import type { PlatformError } from "effect/PlatformError"

/**
 * Makes an object that deletes files. If a file cannot be unlinked, its delete stays pending until `retry` succeeds or
 * `complete` is called.
 */
export const make = (options: {
  readonly unlink: (file: string) => Effect.Effect<void, PlatformError>
  readonly onFailure: (cause: PlatformError) => Effect.Effect<void>
}) => {
  const pending = new Map<string, () => void>()

  /**
   * Ends a pending delete, and calls its `onDeleted`. The caller has unlinked the file or replaced it by another file.
   */
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
    /**
     * Deletes a file now. If this fails, a later `retry` deletes the file. Calls `onDeleted` after the file is deleted
     * or replaced.
     */
    remove: (file: string, onDeleted: () => void): Effect.Effect<void> =>
      Effect.suspend(() => {
        const earlier = pending.get(file)
        pending.set(file, () => {
          earlier?.()
          onDeleted()
        })
        return attempt(file)
      }),
    /** Retries all pending deletes. Returns true if at least one succeeded. */
    retry: Effect.suspend(() => {
      const files = [...pending.keys()]
      return Effect.map(Effect.forEach(files, attempt, { discard: true }), () =>
        files.some((file) => !pending.has(file))
      )
    })
  }
}

export type PendingDeletes = ReturnType<typeof make>
