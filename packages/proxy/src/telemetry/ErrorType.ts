import { Cause, type Exit, Predicate } from "effect"

/** The type of an error that has no tag. Source: OpenTelemetry semantic conventions, `error.type`. */
const other = "_OTHER"

/** The tag of an error's innermost reason. The set of tags is fixed, since each tag is a literal in the code. */
const tagOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "reason") && Predicate.hasProperty(error.reason, "_tag")) {
    return tagOf(error.reason)
  }
  return Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : other
}

/** The type of an error, for log lines and spans: the tag of its innermost reason. The set of types is fixed. */
export const errorType = (error: unknown): string => tagOf(error)

/**
 * The type of a cause's first failure, or `defect` if a defect is first. Undefined if the cause has only interruptions.
 */
export const errorTypeOfCause = (cause: Cause.Cause<unknown>): string | undefined => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) return tagOf(reason.error)
    if (Cause.isDieReason(reason)) return "defect"
  }
  return undefined
}

/** The type of an exit's first failure, as in `errorTypeOfCause`; undefined for a success. */
export const errorTypeOfExit = (exit: Exit.Exit<unknown, unknown>): string | undefined =>
  exit._tag === "Success" ? undefined : errorTypeOfCause(exit.cause)
