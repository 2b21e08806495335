import { Cause, type Exit, Predicate } from "effect"

/** The type of an error that has no tag. Source: OpenTelemetry semantic conventions, `error.type`. */
const other = "_OTHER"

/**
 * Returns the tag of an error's innermost `reason`, or `other`. The set of tags is fixed, since each tag is a literal
 * in the code.
 */
const tagOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "reason") && Predicate.hasProperty(error.reason, "_tag")) {
    return tagOf(error.reason)
  }
  return Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : other
}

/**
 * Returns the type of an error for log lines and spans. The type is the tag of the error's innermost `reason`. The set
 * of these tags is fixed.
 */
export const errorType = (error: unknown): string => tagOf(error)

/**
 * Returns the type of a cause's first error, or `defect` if that error is a defect. Undefined if the cause has only
 * interruptions.
 */
export const errorTypeOfCause = (cause: Cause.Cause<unknown>): string | undefined => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) return tagOf(reason.error)
    if (Cause.isDieReason(reason)) return "defect"
  }
  return undefined
}

/** Returns `errorTypeOfCause` for the cause of a failed exit. Undefined for a success. */
export const errorTypeOfExit = (exit: Exit.Exit<unknown, unknown>): string | undefined =>
  exit._tag === "Success" ? undefined : errorTypeOfCause(exit.cause)
