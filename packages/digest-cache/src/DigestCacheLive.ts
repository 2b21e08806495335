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
  type PackageSource
} from "./DigestCache.ts"
import * as Fills from "./internal/Fills.ts"
import { growingReader } from "./internal/Growing.ts"
import * as Hits from "./internal/Hits.ts"
import { MemoryTier, smallPackage } from "./internal/MemoryTier.ts"
import * as Store from "./internal/Store.ts"
import { collect, verifyingReader } from "./internal/VerifyingReader.ts"
import * as Metrics from "./Metrics.ts"

/** The memory tier's size in bytes. */
const memoryCapacity = 16 * 1024 * 1024

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

const make = Effect.fnUntraced(function* (options: { readonly directory: string; readonly cap: number }) {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const store = yield* Store.make(options)
  const memory = new MemoryTier(memoryCapacity)
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

  const miss = <E>(key: PackageKey, source: PackageSource<E>): Opening<E> =>
    Effect.gen(function* () {
      const attempt = yield* Scope.fork(yield* Effect.scope)
      const { began, fill } = yield* fills.join(key, source).pipe(Scope.provide(attempt))
      const exit = yield* Effect.exit(Deferred.await(fill.ready))
      // A fill that has proved right is a hit that has yet to get its name.
      const whole = fill.growing.state === "verified"
      const result = began ? "miss" : whole ? "hit" : "collapsed"
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
      const resident = memory.find(key)
      const entry = store.entries.find(key)
      if (resident !== undefined) {
        const opened = fromBytes(resident.descriptor, "memory", resident.bytes)
        return entry === undefined ? Effect.succeed(opened) : Effect.as(store.use(entry), opened)
      }
      if (entry === undefined) {
        return fills.isDraining() && fills.find(key) === undefined ? bypass(source) : miss(key, source)
      }
      return Effect.flatMap(hits.open(key, entry), (hit): Opening<E> => {
        switch (hit._tag) {
          case "Opened":
            return Effect.succeed(hit.opened)
          case "Gone":
            return open(key, source)
          case "Failed":
            return bypass(source)
        }
      })
    })

  return DigestCache.of({
    peek: (key) =>
      Effect.gen(function* () {
        const resident = memory.find(key)
        if (resident !== undefined)
          return Option.some({ descriptor: resident.descriptor, result: "memory" as const })
        const entry = store.entries.find(key)
        if (entry !== undefined && (yield* store.directory.exists(entry.fileName))) {
          return Option.some({ descriptor: entry.descriptor, result: "hit" as const })
        }
        const descriptor = fills.find(key)?.descriptor
        return descriptor === undefined || !store.budget.admits(descriptor.size)
          ? Option.none()
          : Option.some({ descriptor, result: "collapsed" as const })
      }),
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

/** The cache in `directory`, made where it is missing, with `cap` bytes of disk as a hard limit. */
export const layer = (options: {
  readonly directory: string
  readonly cap: number
}): Layer.Layer<DigestCache, never, FileSystem.FileSystem | Path.Path> =>
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
