import { Effect } from "effect"
import type { ReviewKind } from "../../AccessError.ts"
import type { ReviewError } from "../../Reviews.ts"

const advice = {
  Unreachable: "decisions of the last 1h30m are used meanwhile",
  Forbidden: "let this program's service account create tokenreviews and subjectaccessreviews",
  Invalid: "callers are turned away"
} as const

/** Says when reviews begin to fail, fail otherwise, and work again: once each, however many there are. */
export const make = () => {
  const failing = new Map<ReviewKind, string>()
  return (kind: ReviewKind, error: ReviewError | undefined): Effect.Effect<void> => {
    const before = failing.get(kind)
    if (error === undefined) {
      if (before === undefined) return Effect.void
      failing.delete(kind)
      return Effect.logInfo(`the API server answers ${kind}s again`)
    }
    const { _tag, detail } = error.reason
    if (before === _tag) return Effect.void
    failing.set(kind, _tag)
    return Effect.logWarning(`the API server answers no ${kind}: ${detail}; ${advice[_tag]}`)
  }
}
