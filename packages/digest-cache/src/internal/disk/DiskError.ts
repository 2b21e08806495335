import { Predicate } from "effect"

/**
 * Returns the error code of the operating system (ENOSPC, EROFS, EIO...), also from a nested cause. Undefined if no
 * cause has a code. The reasons of `PlatformError` do not distinguish these codes.
 */
export const errorCode = (cause: unknown, depth = 5): string | undefined => {
  if (Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code)) return cause.code
  if (depth === 0 || !Predicate.isObject(cause)) return undefined
  const inner = Predicate.hasProperty(cause, "reason")
    ? cause.reason
    : Predicate.hasProperty(cause, "cause")
      ? cause.cause
      : undefined
  return errorCode(inner, depth - 1)
}

const fullCodes: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT"])

/** True if the operation failed because the volume, or the user's quota on it, has no space or no inode left. */
export const isVolumeFull = (cause: unknown): boolean => fullCodes.has(errorCode(cause))
