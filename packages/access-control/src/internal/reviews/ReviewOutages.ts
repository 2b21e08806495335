import { Effect } from "effect"
import type { ReviewKind } from "../../AccessError.ts"
import type { ReviewError } from "../../ReviewError.ts"

const consequences = {
  Unreachable: "decisions of the last 90 minutes are reused",
  Forbidden:
    "callers receive 503; allow this program's service account to create tokenreviews and subjectaccessreviews",
  Invalid: "callers receive 503"
} as const

/**
 * Makes a function that logs outages of the API server's reviews. Call the function after each review, with the error
 * of the review, or with undefined if the review succeeded. For each kind of review, the function logs the start of an
 * outage, each change of the reason, and the end of the outage.
 */
export const make = () => {
  const failing = new Map<ReviewKind, string>()
  return (kind: ReviewKind, error: ReviewError | undefined): Effect.Effect<void> => {
    const previous = failing.get(kind)
    if (error === undefined) {
      if (previous === undefined) return Effect.void
      failing.delete(kind)
      return Effect.logInfo("access reviews work again", { review: kind })
    }
    const { _tag, detail } = error.reason
    if (previous === _tag) return Effect.void
    failing.set(kind, _tag)
    return Effect.logWarning("access review failed", {
      review: kind,
      reason: detail,
      consequence: consequences[_tag]
    })
  }
}
