import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Cause, Deferred, Effect, Exit, Option, Scope } from "effect"
import type { BlobVersion, StoredBlob } from "../../Blob.ts"
import { descriptorOf } from "../../BlobName.ts"
import { BlobStore } from "../../BlobStore.ts"
import type { BodyError } from "../../BodyError.ts"
import type { CacheResult } from "../../CacheResult.ts"
import type { OpenPackage, PackageLookup } from "../../OpenPackage.ts"
import type { PackageKey } from "../../PackageKey.ts"
import type { PackageSource } from "../../PackageSource.ts"
import { progressReader } from "../read/SharedProgress.ts"
import { verifyingReader } from "../read/VerifyingReader.ts"
import { bypass, packageFromBytes } from "./Bypass.ts"
import * as Fills from "./Fills.ts"
import * as CachedPackages from "./CachedPackages.ts"
import { MemoryTier, type PackageInMemory } from "./MemoryTier.ts"
import * as Metrics from "../../Metrics.ts"
import * as Spans from "./Spans.ts"

const defaultMaxMemory = 16 * 1024 * 1024

type Opening<E> = Effect.Effect<OpenPackage<E>, E | BodyError, Scope.Scope>

/**
 * The class of the caches that `make` returns. A wrapper around such a cache has another class. In a wrapper,
 * `DigestCache.findInMemory` finds nothing. The caller must then use the wrapper's `open`.
 */
class CacheWithMemory {
  readonly findInMemory: (key: PackageKey) => PackageInMemory | undefined

  constructor(findInMemory: CacheWithMemory["findInMemory"]) {
    this.findInMemory = findInMemory
  }
}

/** Implements `DigestCache.findInMemory`. */
export const findInMemory = (cache: object, key: PackageKey): PackageInMemory | undefined =>
  cache instanceof CacheWithMemory ? cache.findInMemory(key) : undefined

/** Makes a cache that stores packages in the `BlobStore` of its context. */
export const make = Effect.fnUntraced(function* (options: { readonly maxMemory?: number }) {
  const cacheScope = yield* Effect.scope
  const metrics = yield* Effect.context<never>()
  const store = yield* BlobStore
  const memory = new MemoryTier(options.maxMemory ?? defaultMaxMemory)
  const verified = new WeakSet<BlobVersion>()
  const fills = Fills.make({ store, memory, verified, cacheScope })
  const cachedPackages = CachedPackages.make({ store, memory, verified, cacheScope })

  const follow = <E>(
    source: PackageSource<E>,
    fill: Fills.Fill,
    { blob, descriptor }: Extract<Fills.FillOutcome, { _tag: "Blob" }>,
    cacheResult: CacheResult
  ): Opening<E> =>
    Effect.map(Effect.scope, (scope) => ({
      descriptor,
      cacheResult,
      acceptsRanges: true,
      body: (start, end) => ({
        _tag: "Reader",
        reader: progressReader<E>({
          progress: fill.progress,
          blob,
          start,
          end,
          continueFrom: (position) =>
            Effect.suspend(() => {
              const verifier = fill.verifier?.copy() ?? verifierOf(descriptor)
              const stream = source.blob(descriptor, verifier.length)
              return verifyingReader({ stream, verifier, start: position, end, scope })
            })
        })
      })
    }))

  /**
   * Call this before a look-up in the store, and call the returned function after the look-up. The returned function
   * returns false if a fill has ended between the two calls, or if the package is in memory. The result of the look-up
   * may then be stale.
   */
  const watchForChanges = (key: PackageKey): (() => boolean) => {
    const ended = fills.ended()
    return () => fills.ended() === ended && memory.find(key) === undefined
  }

  /** Returns the `CacheResult` of a caller that joins the fill now. */
  const cacheResultOf = (fill: Fills.Fill): CacheResult => {
    if (fill.outcome?._tag === "Bypass") return "bypass"
    if (fill.outcome?._tag === "Bytes" && !fill.outcome.isCached) return "bypass"
    if (fill.outcome === undefined && fill.descriptor !== undefined && !store.admits(fill.descriptor.size))
      return "bypass"
    // A verified fill is a hit even if its blob is not yet committed.
    return fill.progress.state === "verified" ? "hit" : "collapsed"
  }

  /**
   * Opens a package that a look-up did not find in the store. `isCurrent` returns false if the result of the look-up
   * may be stale.
   */
  const miss = <E>(key: PackageKey, source: PackageSource<E>, isCurrent: () => boolean): Opening<E> =>
    Effect.gen(function* () {
      const attempt = yield* Scope.fork(yield* Effect.scope)
      const mayBegin = () => isCurrent() && !fills.isDraining()
      const joined = yield* fills.join(key, source, mayBegin).pipe(Scope.provide(attempt))
      if (Option.isNone(joined))
        return yield* fills.isDraining() && isCurrent() ? bypass(source) : open(key, source)
      const { fill, isNew } = joined.value
      const exit = yield* Effect.exit(Deferred.await(fill.ready))
      if (!isNew) yield* Spans.linkToFill(fill.span)
      const cacheResult = isNew ? "miss" : cacheResultOf(fill)
      // Only a caller that reads the blob must stay joined to the fill.
      if (Exit.isFailure(exit) || exit.value._tag !== "Blob") yield* Scope.close(attempt, Exit.void)
      if (Exit.isFailure(exit)) {
        // If the fill failed with another caller's source, this caller tries its own source.
        const shared = fill.identity === source.identity || Cause.hasInterruptsOnly(exit.cause)
        // All callers of a key share E, as `DigestCache.open` requires.
        return yield* shared ? Effect.failCause(exit.cause as Cause.Cause<E | BodyError>) : open(key, source)
      }
      const ready = exit.value
      switch (ready._tag) {
        case "Blob":
          return yield* follow(source, fill, ready, cacheResult)
        case "Bytes":
          return packageFromBytes(ready.descriptor, ready.isCached ? cacheResult : "bypass", ready.bytes)
        case "Bypass":
          return yield* bypass(source, ready.descriptor)
      }
    })

  const hit = <E>(key: PackageKey, source: PackageSource<E>, blob: StoredBlob): Opening<E> =>
    Effect.flatMap(cachedPackages.open(key, blob), (hit): Opening<E> => {
      switch (hit._tag) {
        case "Opened":
          return Effect.succeed(hit.opened)
        case "Gone":
          return open(key, source)
        case "Failed":
          return bypass(source)
      }
    })

  const open = <E>(key: PackageKey, source: PackageSource<E>): Opening<E> =>
    Effect.suspend((): Opening<E> => {
      const inMemory = memory.find(key)
      if (inMemory !== undefined) {
        store.touch(key)
        return Effect.succeed(packageFromBytes(inMemory.descriptor, "memory", inMemory.bytes))
      }
      const isCurrent = watchForChanges(key)
      return Effect.matchEffect(store.find(key), {
        onFailure: ({ cause }) => Effect.andThen(store.health.recordFailure("read", cause), bypass(source)),
        onSuccess: (found) =>
          Option.isSome(found) ? hit(key, source, found.value) : miss(key, source, isCurrent)
      })
    })

  /**
   * Returns the result of `peek` for a caller that would join the fill now. None if the descriptor is not known yet, or
   * if the package will bypass the cache.
   */
  const lookupOf = (fill: Fills.Fill): Option.Option<PackageLookup> => {
    if (fill.descriptor === undefined) return Option.none()
    const cacheResult = cacheResultOf(fill)
    return cacheResult === "bypass"
      ? Option.none()
      : Option.some({ descriptor: fill.descriptor, cacheResult })
  }

  const peekStore = (key: PackageKey): Effect.Effect<Option.Option<PackageLookup>> =>
    store.find(key).pipe(
      Effect.orElseSucceed(Option.none),
      Effect.flatMap((found) =>
        Option.isSome(found)
          ? Effect.map(cachedPackages.canOpen(found.value), (canOpen) =>
              canOpen
                ? Option.some({ descriptor: descriptorOf(found.value.name), cacheResult: "hit" as const })
                : Option.none()
            )
          : Effect.succeedNone
      )
    )

  /**
   * Returns the descriptor and the cache result of a cached package. Also returns them for a package that is being
   * downloaded into the cache, if its descriptor is already known. None for any other package.
   */
  const peekCache = (key: PackageKey): Effect.Effect<Option.Option<PackageLookup>> =>
    Effect.suspend(() => {
      const inMemory = memory.find(key)
      if (inMemory !== undefined)
        return Effect.succeedSome({ descriptor: inMemory.descriptor, cacheResult: "memory" as const })
      const isCurrent = watchForChanges(key)
      return Effect.flatMap(peekStore(key), (stored): Effect.Effect<Option.Option<PackageLookup>> => {
        if (Option.isSome(stored)) return Effect.succeed(stored)
        const fill = fills.find(key)
        if (fill !== undefined) return Effect.succeed(lookupOf(fill))
        return isCurrent() ? Effect.succeedNone : peekCache(key)
      })
    })

  /**
   * Returns the result of `peek` for a package that `peekCache` does not find. `cacheResult` is `bypass` if the package
   * is too large for the store, if the store is degraded, or if `drain` was called. Otherwise, `cacheResult` is `miss`.
   */
  const admission = (descriptor: PackageDescriptor): Effect.Effect<PackageLookup> =>
    Effect.map(store.health.degraded, (degraded) => ({
      descriptor,
      cacheResult: store.admits(descriptor.size) && !fills.isDraining() && !degraded ? "miss" : "bypass"
    }))

  const peek = <E>(key: PackageKey, resolve: Effect.Effect<PackageDescriptor, E>) =>
    Effect.flatMap(peekCache(key), (cached): Effect.Effect<PackageLookup, E> =>
      Option.isSome(cached) ? Effect.succeed(cached.value) : Effect.flatMap(resolve, admission)
    )

  const findInMemory = (key: PackageKey): PackageInMemory | undefined => {
    const inMemory = memory.find(key)
    if (inMemory === undefined) return undefined
    store.touch(key)
    Metrics.opened.memory.updateUnsafe(1, metrics)
    return inMemory
  }

  const cache = {
    peek,
    open: <E>(key: PackageKey, source: PackageSource<E>) => Spans.withOpenSpan(open(key, source)),
    drain: fills.drain,
    degraded: store.health.degraded
  }
  return Object.assign(new CacheWithMemory(findInMemory), cache)
})
