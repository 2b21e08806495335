import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import {
  Cause,
  Deferred,
  Effect,
  Exit,
  type FileSystem,
  Layer,
  Metric,
  Option,
  type Path,
  Scope
} from "effect"
import type { BlobVersion, StoredBlob } from "./Blob.ts"
import { descriptorOf } from "./BlobName.ts"
import { BlobStore } from "./BlobStore.ts"
import type { BodyError } from "./BodyError.ts"
import {
  type CacheResult,
  DigestCache,
  type OpenPackage,
  type PackageKey,
  type PackageSource,
  type PackageStatus
} from "./DigestCache.ts"
import * as Fills from "./internal/open/Fills.ts"
import { growingReader } from "./internal/read/Growing.ts"
import * as Hits from "./internal/open/Hits.ts"
import { MemoryTier, type ResidentPackage, smallPackage } from "./internal/open/MemoryTier.ts"
import * as Spans from "./internal/open/Spans.ts"
import { collect, verifyingReader } from "./internal/read/VerifyingReader.ts"
import * as Metrics from "./Metrics.ts"

/** How much of the small packages is kept in memory, in bytes, where a layer does not say. */
const defaultMemory = 16 * 1024 * 1024

/** What a cache keeps in memory beside its store. */
export interface MemoryOptions {
  /** Bytes of small packages in memory. Default: 16 MiB. */
  readonly memory?: number
}

/** Where a cache keeps its packages, and how much of them. */
export interface CacheOptions extends MemoryOptions {
  /** Made where it is missing. */
  readonly directory: string
  /** Bytes on disk: a hard limit. */
  readonly cap: number
}

type Opening<E> = Effect.Effect<OpenPackage<E>, E | BodyError, Scope.Scope>

const counters: Readonly<Record<CacheResult, Metric.Counter<number>>> = {
  hit: Metric.withAttributes(Metrics.results, { result: "hit" }),
  memory: Metric.withAttributes(Metrics.results, { result: "memory" }),
  miss: Metric.withAttributes(Metrics.results, { result: "miss" }),
  collapsed: Metric.withAttributes(Metrics.results, { result: "collapsed" }),
  bypass: Metric.withAttributes(Metrics.results, { result: "bypass" })
}

const count = (result: CacheResult): Effect.Effect<void> => Metric.update(counters[result], 1)

const fromBytes = (
  descriptor: PackageDescriptor,
  result: CacheResult,
  bytes: Uint8Array
): OpenPackage<never> => ({
  descriptor,
  result,
  acceptsRanges: result !== "bypass",
  body: (start, end) => ({ _tag: "Bytes", bytes: result === "bypass" ? bytes : bytes.subarray(start, end) })
})

/** Streams a package past the cache: hashed as it passes, its tail held back, for this one response. */
const bypass = <E>(source: PackageSource<E>, known?: PackageDescriptor): Opening<E> =>
  Effect.gen(function* () {
    const descriptor = known ?? (yield* source.resolve)
    const verifier = verifierOf(descriptor)
    const stream = source.blob(descriptor, 0)
    if (descriptor.size <= smallPackage)
      return fromBytes(descriptor, "bypass", yield* collect(stream, verifier))
    const scope = yield* Effect.scope
    const reader = yield* verifyingReader({ stream, verifier, start: 0, end: descriptor.size, scope })
    yield* reader.prime
    return { descriptor, result: "bypass", acceptsRanges: false, body: () => ({ _tag: "Reader", reader }) }
  })

/** Known by its class, which a copy with another `open` does not have. */
class CacheWithMemory {
  readonly inMemory: (key: PackageKey) => ResidentPackage | undefined

  constructor(inMemory: CacheWithMemory["inMemory"]) {
    this.inMemory = inMemory
  }
}

/**
 * A package that `open` would answer from memory, counted and used like it, for callers that cannot wait. Undefined means
 * that it has to be opened. Only the caches of this file have a memory to look into: whatever wraps one has to be asked.
 */
export const inMemory = (cache: DigestCache["Service"], key: PackageKey): ResidentPackage | undefined =>
  cache instanceof CacheWithMemory ? cache.inMemory(key) : undefined

const make = Effect.fnUntraced(function* (options: MemoryOptions) {
  const cacheScope = yield* Effect.scope
  const metrics = yield* Effect.context<never>()
  const store = yield* BlobStore
  const memory = new MemoryTier(options.memory ?? defaultMemory)
  const verified = new WeakSet<BlobVersion>()
  const fills = Fills.make({ store, memory, verified, cacheScope })
  const hits = Hits.make({ store, memory, verified, cacheScope })

  const follow = <E>(
    source: PackageSource<E>,
    fill: Fills.Fill,
    { blob, descriptor }: Extract<Fills.Ready, { _tag: "Blob" }>,
    result: CacheResult
  ): Opening<E> =>
    Effect.map(Effect.scope, (scope) => ({
      descriptor,
      result,
      acceptsRanges: true,
      body: (start, end) => ({
        _tag: "Reader",
        reader: growingReader<E>({
          growing: fill.growing,
          blob,
          start,
          end,
          continued: (position) =>
            Effect.suspend(() => {
              const verifier = fill.verifier?.copy() ?? verifierOf(descriptor)
              const stream = source.blob(descriptor, verifier.length)
              return verifyingReader({ stream, verifier, start: position, end, scope })
            })
        })
      })
    }))

  /**
   * Begun before the store is asked for a key, whose answer may be outdated by the time it comes: afterwards true if
   * nothing has come into the cache meanwhile.
   */
  const watch = (key: PackageKey): (() => boolean) => {
    const ended = fills.ended()
    return () => fills.ended() === ended && memory.find(key) === undefined
  }

  /** What joining a fill comes to, as far as is known. */
  const resultOf = (fill: Fills.Fill): CacheResult => {
    if (fill.told?._tag === "Bypass") return "bypass"
    if (fill.told?._tag === "Bytes" && !fill.told.kept) return "bypass"
    if (fill.told === undefined && fill.descriptor !== undefined && !store.admits(fill.descriptor.size))
      return "bypass"
    // A fill that has proved right is a hit that has yet to get its name.
    return fill.growing.state === "verified" ? "hit" : "collapsed"
  }

  /** A package that was not in the store, where `isCurrent` says that it still is not. */
  const miss = <E>(key: PackageKey, source: PackageSource<E>, isCurrent: () => boolean): Opening<E> =>
    Effect.gen(function* () {
      const attempt = yield* Scope.fork(yield* Effect.scope)
      const mayBegin = () => isCurrent() && !fills.isDraining()
      const joined = yield* fills.join(key, source, mayBegin).pipe(Scope.provide(attempt))
      if (Option.isNone(joined))
        return yield* fills.isDraining() && isCurrent() ? bypass(source) : open(key, source)
      const { began, fill } = joined.value
      const exit = yield* Effect.exit(Deferred.await(fill.ready))
      if (!began) yield* Spans.link(fill.span)
      const result = began ? "miss" : resultOf(fill)
      // Only who reads the blob holds on to it.
      if (Exit.isFailure(exit) || exit.value._tag !== "Blob") yield* Scope.close(attempt, Exit.void)
      if (Exit.isFailure(exit)) {
        // Somebody else's source failed: ours has not been asked yet.
        const shared = fill.identity === source.identity || Cause.hasInterruptsOnly(exit.cause)
        // What a fill fails with is the E of whoever began it; the port asks its callers to share one.
        return yield* shared ? Effect.failCause(exit.cause as Cause.Cause<E | BodyError>) : open(key, source)
      }
      const ready = exit.value
      switch (ready._tag) {
        case "Blob":
          return yield* follow(source, fill, ready, result)
        case "Bytes":
          return fromBytes(ready.descriptor, ready.kept ? result : "bypass", ready.bytes)
        case "Bypass":
          return yield* bypass(source, ready.descriptor)
      }
    })

  const hit = <E>(key: PackageKey, source: PackageSource<E>, blob: StoredBlob): Opening<E> =>
    Effect.flatMap(hits.open(key, blob), (hit): Opening<E> => {
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
      const resident = memory.find(key)
      if (resident !== undefined) {
        store.touch(key)
        return Effect.succeed(fromBytes(resident.descriptor, "memory", resident.bytes))
      }
      const isCurrent = watch(key)
      return Effect.matchEffect(store.find(key), {
        onFailure: ({ cause }) => Effect.andThen(store.health.failed("read", cause), bypass(source)),
        onSuccess: (found) =>
          Option.isSome(found) ? hit(key, source, found.value) : miss(key, source, isCurrent)
      })
    })

  /** What a fill will answer, where that is known. */
  const statusOf = (fill: Fills.Fill): Option.Option<PackageStatus> => {
    if (fill.descriptor === undefined) return Option.none()
    const result = resultOf(fill)
    return result === "bypass" ? Option.none() : Option.some({ descriptor: fill.descriptor, result })
  }

  const peekStore = (key: PackageKey): Effect.Effect<Option.Option<PackageStatus>> =>
    store.find(key).pipe(
      Effect.orElseSucceed(Option.none),
      Effect.flatMap((found) =>
        Option.isSome(found)
          ? Effect.map(hits.answers(found.value), (answers) =>
              answers
                ? Option.some({ descriptor: descriptorOf(found.value.name), result: "hit" as const })
                : Option.none()
            )
          : Effect.succeedNone
      )
    )

  /** A package in the cache, or in a fill that knows its descriptor. */
  const peekCache = (key: PackageKey): Effect.Effect<Option.Option<PackageStatus>> =>
    Effect.suspend(() => {
      const resident = memory.find(key)
      if (resident !== undefined)
        return Effect.succeedSome({ descriptor: resident.descriptor, result: "memory" as const })
      const isCurrent = watch(key)
      return Effect.flatMap(peekStore(key), (stored): Effect.Effect<Option.Option<PackageStatus>> => {
        if (Option.isSome(stored)) return Effect.succeed(stored)
        const fill = fills.find(key)
        if (fill !== undefined) return Effect.succeed(statusOf(fill))
        return isCurrent() ? Effect.succeedNone : peekCache(key)
      })
    })

  /** What `open` would answer for a package that is not in the cache. */
  const admission = (descriptor: PackageDescriptor): Effect.Effect<PackageStatus> =>
    Effect.map(store.health.degraded, (degraded) => ({
      descriptor,
      result: store.admits(descriptor.size) && !fills.isDraining() && !degraded ? "miss" : "bypass"
    }))

  const peek = <E>(key: PackageKey, resolve: Effect.Effect<PackageDescriptor, E>) =>
    Effect.flatMap(peekCache(key), (cached): Effect.Effect<PackageStatus, E> =>
      Option.isSome(cached) ? Effect.succeed(cached.value) : Effect.flatMap(resolve, admission)
    )

  const inMemory = (key: PackageKey): ResidentPackage | undefined => {
    const resident = memory.find(key)
    if (resident === undefined) return undefined
    store.touch(key)
    counters.memory.updateUnsafe(1, metrics)
    return resident
  }

  return Object.assign(
    new CacheWithMemory(inMemory),
    DigestCache.of({
      peek,
      open: (key, source) => Spans.opening(open(key, source), count),
      drain: fills.drain,
      degraded: store.health.degraded
    })
  )
})

/** Packages in a store, the small ones most recently used in memory too. */
export const layerStore = (options: MemoryOptions = {}): Layer.Layer<DigestCache, never, BlobStore> =>
  Layer.effect(DigestCache, make(options))

/** Packages on disk, the small ones most recently used in memory too. */
export const layer = (
  options: CacheOptions
): Layer.Layer<DigestCache, never, FileSystem.FileSystem | Path.Path> =>
  Layer.provide(layerStore(options), BlobStore.layerFileSystem(options))

/** Packages in memory, of at most `cap` bytes together, gone with the layer: for tests, and for programs without a disk. */
export const layerMemory = (options: MemoryOptions & { readonly cap: number }): Layer.Layer<DigestCache> =>
  Layer.provide(layerStore(options), BlobStore.layerMemory(options))

/** Nothing is kept: each request is streamed through, verified as it passes. */
export const layerDisabled: Layer.Layer<DigestCache> = Layer.succeed(
  DigestCache,
  DigestCache.of({
    peek: (_key, resolve) => Effect.map(resolve, (descriptor) => ({ descriptor, result: "bypass" })),
    open: (_key, source) => Spans.opening(bypass(source), count),
    degraded: Effect.succeed(false)
  })
)
