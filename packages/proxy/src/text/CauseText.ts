import { Cause } from "effect"
import { escape, shorten } from "./SafeText.ts"

const maxDepth = 6
const maxLength = 1000
const maxFrames = 8

const isObject = (u: unknown): u is Readonly<Record<string, unknown>> => typeof u === "object" && u !== null
const text = (u: unknown): string => (typeof u === "string" ? u : "")

/** Returns the error as `name: message`. Omits its other fields, which may contain a secret. */
const headOf = (error: Readonly<Record<string, unknown>>): string => {
  const name = text(error["_tag"]) || text(error["name"])
  const message = text(error["message"])
  if (message === "") return name || "Error"
  return name === "" || name === "Error" ? message : `${name}: ${message}`
}

const chain = (error: unknown, depth: number): string => {
  if (!isObject(error)) return typeof error === "string" ? error : typeof error
  const head = headOf(error)
  const inner = [error["reason"], error["cause"]].find(isObject)
  if (depth === maxDepth || inner === undefined) return head
  const message = text(inner["message"])
  // Many wrappers repeat the message of their cause.
  return message !== "" && head.includes(message) ? head : `${head}: ${chain(inner, depth + 1)}`
}

/**
 * Describes an error, its `reason` and its causes in one line. Omits stack traces, and fields that may contain a
 * secret.
 */
export const describeError = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map(describeError).join(", ")
  return escape(shorten(chain(error, 0).replace(/\s*\n\s*/g, " "), maxLength))
}

/** Describes all failures and defects of a cause in one line. Returns `interrupted` if the cause has none. */
export const describeCause = (cause: Cause.Cause<unknown>): string => {
  const described = cause.reasons.flatMap((reason) =>
    reason._tag === "Interrupt" ? [] : [describeError(reason._tag === "Fail" ? reason.error : reason.defect)]
  )
  return described.length > 0 ? described.join("; ") : "interrupted"
}

/**
 * Returns the stack frames of a cause's defects, innermost frame first. Returns at most `maxFrames` frames of each
 * defect. Omits the stacks of failures, since failures are expected.
 */
export const defectStack = (cause: Cause.Cause<unknown>): ReadonlyArray<string> =>
  cause.reasons.filter(Cause.isDieReason).flatMap(({ defect }) =>
    defect instanceof Error && defect.stack !== undefined
      ? defect.stack
          .split("\n")
          .map((line) => line.trim())
          .filter((line) => line.startsWith("at "))
          .slice(0, maxFrames)
          .map(escape)
      : []
  )
