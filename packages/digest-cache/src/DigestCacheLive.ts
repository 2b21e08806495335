import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import type { PackageDescriptor } from "@registry-packages-proxy/oci/PackageDescriptor"
import {
  Cause,
  Clock,
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
import type { BodyError } from "./BodyError.ts"
import {
  type CacheResult,
  DigestCache,
  type OpenPackage,
  type PackageKey,
  type PackageSource,
  type PackageStatus,
  type ResidentPackage
} from "./DigestCache.ts"
import type { Entry } from "./internal/disk/Entries.ts"
import * as Fills from "./internal/open/Fills.ts"
import { growingReader } from "./internal/read/Growing.ts"
import * as Hits from "./internal/open/Hits.ts"
import { MemoryTier, smallPackage } from "./internal/open/MemoryTier.ts"
import * as Store from "./internal/disk/DiskStore.ts"
import { collect, verifyingReader } from "./internal/read/VerifyingReader.ts"
import * as Metrics from "./Metrics.ts"

/** How much of the small packages is kept in memory, in bytes, where a layer does not say. */
const defaultMemory = 16 * 1024 * 1024

/** Where a cache keeps its packages, and how much of them. */
export interface CacheOptions {
  /** Made where it is missing. */
  readonly directory: string
  /** Bytes on disk: a hard limit. */
  readonly cap: number
  /** Bytes of small packages in memory. Default: 16 MiB. */
  readonly memory?: number
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
    const verifier = new DigestVerifier(descriptor)
    const stream = source.blob(descriptor, 0)
    if (descriptor.size <= smallPackage)
      return fromBytes(descriptor, "bypass", yield* collect(stream, verifier))
    const scope = yield* Effect.scope
    const reader = yield* verifyingReader({ stream, verifier, start: 0, end: descriptor.size, scope })
    yield* reader.prime
    return { descriptor, result: "bypass", acceptsRanges: false, body: () => ({ _tag: "Reader", reader }) }
  })

/** A key that is neither in memory nor on disk, but being filled. */
interface Filling {
  readonly _tag: "Filling"
  readonly fill: Fills.Fill
}

/** A key that the cache knows nothing of. */
interface Absent {
  readonly _tag: "Absent"
}

type State =
  | { readonly _tag: "Memory"; readonly resident: ResidentPackage; readonly entry: Entry | undefined }
  | { readonly _tag: "Disk"; readonly entry: Entry }
  | Filling
  | Absent

const make = Effect.fnUntraced(function* (options: CacheOptions) {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const store = yield* Store.make(options)
  const memory = new MemoryTier(options.memory ?? defaultMemory)
  const fills = Fills.make(store, memory, scope)
  const hits = Hits.make(store, memory, scope)

  const follow = <E>(
    source: PackageSource<E>,
    fill: Fills.Fill,
    { descriptor, file, unchanged }: Extract<Fills.Ready, { _tag: "File" }>,
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
          file,
          start,
          end,
          unchanged,
          continued: (position) =>
            Effect.suspend(() => {
              const verifier = fill.verifier?.copy() ?? new DigestVerifier(descriptor)
              const stream = source.blob(descriptor, verifier.length)
              return verifyingReader({ stream, verifier, start: position, end, scope })
            })
        })
      })
    }))

  /** What a key is now, for `open` and `peek` alike. */
  const stateOf = (key: PackageKey): State => {
    const resident = memory.find(key)
    const entry = store.entries.find(key)
    if (resident !== undefined) return { _tag: "Memory", resident, entry }
    if (entry !== undefined) return { _tag: "Disk", entry }
    return fillingOf(key)
  }

  /** What a key is now that is neither in memory nor on disk. */
  const fillingOf = (key: PackageKey): Filling | Absent => {
    const fill = fills.find(key)
    return fill === undefined ? { _tag: "Absent" } : { _tag: "Filling", fill }
  }

  /** What joining a fill comes to, as far as is known. */
  const resultOf = (fill: Fills.Fill): CacheResult => {
    if (fill.told?._tag === "Bypass") return "bypass"
    if (fill.told?._tag === "Bytes" && !fill.told.kept) return "bypass"
    if (
      fill.told === undefined &&
      fill.descriptor !== undefined &&
      !store.budget.admits(fill.descriptor.size)
    )
      return "bypass"
    // A fill that has proved right is a hit that has yet to get its name.
    return fill.growing.state === "verified" ? "hit" : "collapsed"
  }

  const miss = <E>(key: PackageKey, source: PackageSource<E>): Opening<E> =>
    Effect.gen(function* () {
      const attempt = yield* Scope.fork(yield* Effect.scope)
      // By now it may have come into the cache, or the cache may be draining.
      const mayBegin = () => stateOf(key)._tag === "Absent" && !fills.isDraining()
      const joined = yield* fills.join(key, source, mayBegin).pipe(Scope.provide(attempt))
      if (Option.isNone(joined))
        return yield* stateOf(key)._tag === "Absent" ? bypass(source) : open(key, source)
      const { began, fill } = joined.value
      const exit = yield* Effect.exit(Deferred.await(fill.ready))
      const result = began ? "miss" : resultOf(fill)
      // Only who reads the file holds on to it.
      if (Exit.isFailure(exit) || exit.value._tag !== "File") yield* Scope.close(attempt, Exit.void)
      if (Exit.isFailure(exit)) {
        // Somebody else's source failed: ours has not been asked yet.
        const shared = fill.identity === source.identity || Cause.hasInterruptsOnly(exit.cause)
        // What a fill fails with is the E of whoever began it; the port asks its callers to share one.
        return yield* shared ? Effect.failCause(exit.cause as Cause.Cause<E | BodyError>) : open(key, source)
      }
      const ready = exit.value
      switch (ready._tag) {
        case "File":
          return yield* follow(source, fill, ready, result)
        case "Bytes":
          return fromBytes(ready.descriptor, ready.kept ? result : "bypass", ready.bytes)
        case "Bypass":
          return yield* bypass(source, ready.descriptor)
      }
    })

  const open = <E>(key: PackageKey, source: PackageSource<E>): Opening<E> =>
    Effect.suspend((): Opening<E> => {
      const state = stateOf(key)
      switch (state._tag) {
        case "Memory": {
          const opened = fromBytes(state.resident.descriptor, "memory", state.resident.bytes)
          return state.entry === undefined
            ? Effect.succeed(opened)
            : Effect.as(store.use(state.entry), opened)
        }
        case "Filling":
        case "Absent":
          return miss(key, source)
        case "Disk":
          return Effect.flatMap(hits.open(key, state.entry), (hit): Opening<E> => {
            switch (hit._tag) {
              case "Opened":
                return Effect.succeed(hit.opened)
              case "Gone":
                return open(key, source)
              case "Failed":
                return bypass(source)
            }
          })
      }
    })

  const statusOf = (state: Filling | Absent): Option.Option<PackageStatus> => {
    if (state._tag === "Absent" || state.fill.descriptor === undefined) return Option.none()
    const result = resultOf(state.fill)
    return result === "bypass" ? Option.none() : Option.some({ descriptor: state.fill.descriptor, result })
  }

  const peek = (key: PackageKey): Effect.Effect<Option.Option<PackageStatus>> =>
    Effect.suspend(() => {
      const state = stateOf(key)
      switch (state._tag) {
        case "Memory":
          return Effect.succeedSome({ descriptor: state.resident.descriptor, result: "memory" })
        case "Filling":
        case "Absent":
          return Effect.succeed(statusOf(state))
        case "Disk":
          return Effect.map(store.directory.exists(state.entry.fileName), (exists) =>
            exists
              ? Option.some({ descriptor: state.entry.descriptor, result: "hit" })
              : statusOf(fillingOf(key))
          )
      }
    })

  return DigestCache.of({
    peek,
    open: (key, source) => Effect.tap(open(key, source), (opened) => count(opened.result)),
    resident: (key) => {
      const resident = memory.find(key)
      if (resident === undefined) return undefined
      const entry = store.entries.find(key)
      if (entry !== undefined) store.entries.use(entry, clock.currentTimeMillisUnsafe())
      counters.memory.updateUnsafe(1, metrics)
      return resident
    },
    admission: (size) =>
      Effect.map(store.health.degraded, (degraded) =>
        store.budget.admits(size) && !fills.isDraining() && !degraded ? "miss" : "bypass"
      ),
    drain: fills.drain,
    degraded: store.health.degraded
  })
})

/** Packages on disk, the small ones most recently used in memory too. */
export const layer = (
  options: CacheOptions
): Layer.Layer<DigestCache, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(DigestCache, make(options))

/** Nothing is kept: each request is streamed through, verified as it passes. */
export const layerDisabled: Layer.Layer<DigestCache> = Layer.succeed(
  DigestCache,
  DigestCache.of({
    peek: () => Effect.succeedNone,
    open: (_key, source) => Effect.tap(bypass(source), (opened) => count(opened.result)),
    resident: () => undefined,
    admission: () => Effect.succeed("bypass"),
    drain: Effect.void,
    degraded: Effect.succeed(false)
  })
)
