import { Result } from "effect"
import type { RegistryError } from "../src/RegistryError.ts"

/** Returns the fields of a failure's reason. Returns an empty object for a success. */
export const reason = <A>(result: Result.Result<A, RegistryError>): Readonly<Record<string, unknown>> =>
  Result.isFailure(result)
    ? { ...Object.fromEntries(Object.entries(result.failure.reason)), _tag: result.failure.reason._tag }
    : {}
