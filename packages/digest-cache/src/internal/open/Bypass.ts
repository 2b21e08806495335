import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Effect, type Scope } from "effect"
import type { BodyError } from "../../BodyError.ts"
import type { CacheResult } from "../../CacheResult.ts"
import type { OpenPackage, PackageLookup } from "../../OpenPackage.ts"
import type { PackageKey } from "../../PackageKey.ts"
import type { PackageSource } from "../../PackageSource.ts"
import { readVerified, verifyingReader } from "../read/VerifyingReader.ts"
import { maxInMemorySize } from "./MemoryTier.ts"
import * as Spans from "./Spans.ts"

/** Makes an `OpenPackage` from all bytes of a package. */
export const packageFromBytes = (
  descriptor: PackageDescriptor,
  cacheResult: CacheResult,
  bytes: Uint8Array
): OpenPackage<never> => ({
  descriptor,
  cacheResult,
  acceptsRanges: cacheResult !== "bypass",
  body: (start, end) => ({
    _tag: "Bytes",
    bytes: cacheResult === "bypass" ? bytes : bytes.subarray(start, end)
  })
})

/**
 * Opens a package for one response. Does not use the cache. The last bytes can be read only after all bytes are
 * verified.
 */
export const bypass = <E>(
  source: PackageSource<E>,
  resolved?: PackageDescriptor
): Effect.Effect<OpenPackage<E>, E | BodyError, Scope.Scope> =>
  Effect.gen(function* () {
    const descriptor = resolved ?? (yield* source.resolve)
    const verifier = verifierOf(descriptor)
    const stream = source.blob(descriptor, 0)
    if (descriptor.size <= maxInMemorySize)
      return packageFromBytes(descriptor, "bypass", yield* readVerified(stream, verifier))
    const scope = yield* Effect.scope
    const reader = yield* verifyingReader({ stream, verifier, start: 0, end: descriptor.size, scope })
    yield* reader.pullFirst
    return {
      descriptor,
      cacheResult: "bypass",
      acceptsRanges: false,
      body: () => ({ _tag: "Reader", reader })
    }
  })

/** Implements `DigestCache.layerDisabled`. */
export const disabledCache = {
  peek: <E>(_key: PackageKey, resolve: Effect.Effect<PackageDescriptor, E>) =>
    Effect.map(resolve, (descriptor): PackageLookup => ({ descriptor, cacheResult: "bypass" })),
  open: <E>(_key: PackageKey, source: PackageSource<E>) => Spans.withOpenSpan(bypass(source)),
  degraded: Effect.succeed(false)
}
