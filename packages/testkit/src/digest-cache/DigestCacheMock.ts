import { BodyError, DigestMismatch } from "@registry-packages-proxy/digest-cache/BodyError"
import {
  type CacheResult,
  DigestCache,
  type OpenPackage,
  type PackageKey,
  type PackageSource
} from "@registry-packages-proxy/digest-cache/DigestCache"
import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import type { PackageDescriptor } from "@registry-packages-proxy/oci/PackageDescriptor"
import { Cause, Context, Deferred, Effect, Exit, type Fiber, Layer, Option, Stream } from "effect"

/** A package the mock has. */
export interface MockPackage {
  readonly descriptor: PackageDescriptor
  readonly bytes: Uint8Array
}

/** What the mock has and did, for a test to look at and to change. */
export class DigestCacheMock extends Context.Service<
  DigestCacheMock,
  {
    readonly put: (key: PackageKey, content: MockPackage) => Effect.Effect<void>
    readonly opened: Effect.Effect<Readonly<Record<CacheResult, number>>>
    readonly setDegraded: (degraded: boolean) => Effect.Effect<void>
  }
>()("@registry-packages-proxy/testkit/DigestCacheMock") {}

/** A source being read. The mock keeps no file: who waits gets all of it, or none. */
interface Pending {
  readonly identity: string
  readonly done: Deferred.Deferred<MockPackage, unknown>
  descriptor: PackageDescriptor | undefined
  fiber: Fiber.Fiber<void> | undefined
  waiting: number
}

const small = 256 * 1024

const nameOf = (key: PackageKey, viaIndex: boolean): string =>
  viaIndex ? `${key.digest}@${key.platform}` : key.digest

const collect = <E>(source: PackageSource<E>, descriptor: PackageDescriptor) =>
  Effect.gen(function* () {
    const bytes = Buffer.concat(yield* Stream.runCollect(source.blob(descriptor, 0)))
    const verifier = new DigestVerifier(descriptor)
    verifier.update(bytes)
    if (verifier.matches()) return { descriptor, bytes }
    return yield* new BodyError({
      reason: new DigestMismatch({
        expected: descriptor.digest,
        expectedSize: descriptor.size,
        actualSize: bytes.length
      })
    })
  })

const opened = (content: MockPackage, result: CacheResult): OpenPackage<never> => ({
  descriptor: content.descriptor,
  result,
  acceptsRanges: result !== "bypass",
  body: (start, end) => ({
    _tag: "Bytes",
    bytes: result === "bypass" ? content.bytes : content.bytes.subarray(start, end)
  })
})

const make = Effect.fnUntraced(function* (options: { readonly largest?: number }) {
  const scope = yield* Effect.scope
  const packages = new Map<string, MockPackage>()
  const pending = new Map<string, Pending>()
  const results: Record<CacheResult, number> = { hit: 0, memory: 0, miss: 0, collapsed: 0, bypass: 0 }
  const largest = options.largest ?? Number.POSITIVE_INFINITY
  let draining = false
  let degraded = false

  const find = (key: PackageKey) => packages.get(nameOf(key, false)) ?? packages.get(nameOf(key, true))
  const put = (key: PackageKey, content: MockPackage): void => {
    packages.set(nameOf(key, content.descriptor.viaIndex), content)
  }
  const admission = (size: number) => (size <= largest && !draining ? "miss" : "bypass")
  const resultOf = (content: MockPackage) => (content.descriptor.size <= small ? "memory" : "hit")

  const stopUnread = (fill: Pending): void => {
    if (draining && fill.waiting === 0) fill.fiber?.interruptUnsafe()
  }

  const fill = <E>(key: PackageKey, source: PackageSource<E>, mine: Pending) =>
    Effect.gen(function* () {
      const descriptor = yield* source.resolve
      mine.descriptor = descriptor
      const content = yield* collect(source, descriptor)
      if (admission(descriptor.size) === "miss") put(key, content)
      return content
    }).pipe(
      Effect.onExit((exit) => {
        pending.delete(nameOf(key, true))
        return Deferred.done(mine.done, exit)
      }),
      Effect.ignoreCause,
      Effect.forkIn(scope)
    )

  const open = <E>(key: PackageKey, source: PackageSource<E>): Effect.Effect<OpenPackage<E>, E | BodyError> =>
    Effect.gen(function* () {
      const content = find(key)
      if (content !== undefined) return opened(content, resultOf(content))
      if (draining)
        return opened(yield* Effect.flatMap(source.resolve, (it) => collect(source, it)), "bypass")
      const present = pending.get(nameOf(key, true))
      const mine: Pending = present ?? {
        identity: source.identity,
        done: Deferred.makeUnsafe(),
        descriptor: undefined,
        fiber: undefined,
        waiting: 0
      }
      mine.waiting++
      if (present === undefined) {
        pending.set(nameOf(key, true), mine)
        mine.fiber = yield* fill(key, source, mine)
      }
      const exit = yield* Effect.exit(Deferred.await(mine.done)).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            mine.waiting--
            stopUnread(mine)
          })
        )
      )
      if (Exit.isFailure(exit)) {
        const shared = mine.identity === source.identity || Cause.hasInterruptsOnly(exit.cause)
        return yield* shared ? Effect.failCause(exit.cause as Cause.Cause<E | BodyError>) : open(key, source)
      }
      const result = present === undefined ? "miss" : "collapsed"
      return opened(exit.value, admission(exit.value.descriptor.size) === "miss" ? result : "bypass")
    })

  const cache = DigestCache.of({
    peek: (key) =>
      Effect.sync(() => {
        const content = find(key)
        if (content !== undefined)
          return Option.some({ descriptor: content.descriptor, result: resultOf(content) })
        const descriptor = pending.get(nameOf(key, true))?.descriptor
        return descriptor === undefined || descriptor.size > largest
          ? Option.none()
          : Option.some({ descriptor, result: "collapsed" as const })
      }),
    open: (key, source) =>
      Effect.tap(open(key, source), ({ result }) =>
        Effect.sync(() => {
          results[result]++
        })
      ),
    resident: (key) => {
      const content = find(key)
      if (content === undefined || resultOf(content) !== "memory") return undefined
      results.memory++
      return content
    },
    admission: (size) => Effect.sync(() => admission(size)),
    drain: Effect.sync(() => {
      draining = true
      pending.forEach(stopUnread)
    }),
    degraded: Effect.sync(() => degraded)
  })
  const mock = DigestCacheMock.of({
    put: (key, content) => Effect.sync(() => put(key, content)),
    opened: Effect.sync(() => ({ ...results })),
    setDegraded: (value) =>
      Effect.sync(() => {
        degraded = value
      })
  })
  return Context.make(DigestCache, cache).pipe(Context.add(DigestCacheMock, mock))
})

/**
 * A cache in memory: what is opened is read whole, verified and kept, without a limit unless `largest` says which
 * packages pass by. It streams nothing while it fills and never touches a disk.
 */
export const layer = (
  options: { readonly largest?: number } = {}
): Layer.Layer<DigestCache | DigestCacheMock> => Layer.effectContext(make(options))
