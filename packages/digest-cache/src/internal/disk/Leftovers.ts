import { Effect } from "effect"
import type { PlatformError } from "effect/PlatformError"

/** Files to be rid of. One that cannot be unlinked goes on counting, since it is still there, and is tried again. */
export const make = (options: {
  readonly unlink: (file: string) => Effect.Effect<void, PlatformError>
  readonly failed: (cause: PlatformError) => Effect.Effect<void>
}) => {
  const left = new Map<string, () => void>()

  /** The file is gone, or another took its name. */
  const gone = (file: string): void => {
    const freed = left.get(file)
    left.delete(file)
    freed?.()
  }

  const attempt = (file: string): Effect.Effect<void> =>
    options.unlink(file).pipe(
      Effect.map(() => gone(file)),
      Effect.catch(options.failed),
      Effect.uninterruptible
    )

  return {
    gone,
    /** Unlinks a file; `freed` is called once it is gone, now or later. */
    remove: (file: string, freed: () => void): Effect.Effect<void> =>
      Effect.suspend(() => {
        const before = left.get(file)
        left.set(file, () => {
          before?.()
          freed()
        })
        return attempt(file)
      }),
    /** Tries again what could not be unlinked, and tells whether some of it could be now. */
    retry: Effect.suspend(() => {
      const files = [...left.keys()]
      return Effect.map(Effect.forEach(files, attempt, { discard: true }), () =>
        files.some((file) => !left.has(file))
      )
    })
  }
}

export type Leftovers = ReturnType<typeof make>
