import { Result } from "effect"
import type { RegistryError } from "../src/RegistryError.ts"

/** Why a result failed, as plain fields; none where it did not fail. */
export const reason = <A>(result: Result.Result<A, RegistryError>): Readonly<Record<string, unknown>> =>
  Result.isFailure(result)
    ? { ...Object.fromEntries(Object.entries(result.failure.reason)), _tag: result.failure.reason._tag }
    : {}
