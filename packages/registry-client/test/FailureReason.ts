import { Result } from "effect"
import type { RegistryError } from "../src/RegistryError.ts"

/** The fields of a failure's reason; none for a success. */
export const reason = <A>(result: Result.Result<A, RegistryError>): Readonly<Record<string, unknown>> =>
  Result.isFailure(result)
    ? { ...Object.fromEntries(Object.entries(result.failure.reason)), _tag: result.failure.reason._tag }
    : {}
