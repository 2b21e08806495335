import type { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import {
  Cause,
  Clock,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Metric,
  Option,
  Schema,
  Scope,
  Stream,
  type Tracer
} from "effect"
import type { PackageKey } from "../../PackageKey.ts"
import type { PackageSource } from "../../PackageSource.ts"
import * as Metrics from "../../Metrics.ts"
import { forkWithFinish, stoppedCause } from "./Background.ts"
import type { BlobReader, BlobStoreError, BlobWriter } from "../../Blob.ts"
import type { BlobName } from "../../BlobName.ts"
import { SharedProgress } from "../read/SharedProgress.ts"
import type { SharedCacheState } from "./SharedCacheState.ts"
import { FillBufferPool } from "./FillBufferPool.ts"
import { maxInMemorySize } from "./MemoryTier.ts"
import { readVerified, mismatchError } from "../read/VerifyingReader.ts"

/** The result that the callers of a fill wait for. Either the first bytes, or the decision to bypass the cache. */
export type FillOutcome =
  /** The package will not be cached. Each caller downloads the package separately. */
  | { readonly _tag: "Bypass"; readonly descriptor: PackageDescriptor }
  /**
   * A package of at most 256 KiB is complete and verified. `isCached` is false if the store could not write the
   * package.
   */
  | {
      readonly _tag: "Bytes"
      readonly descriptor: PackageDescriptor
      readonly bytes: Uint8Array
      readonly isCached: boolean
    }
  /** The package has more than 256 KiB, and its first bytes are in the store. Callers read the package from `blob`. */
  | {
      readonly _tag: "Blob"
      readonly descriptor: PackageDescriptor
      readonly blob: BlobReader
    }

/** A write to the store failed. This class distinguishes failures of the store from failures of the source. */
class WriteFailed extends Schema.TaggedError<WriteFailed>()("WriteFailed", { cause: Schema.Defect() }) {}

const writeFailed = ({ cause }: BlobStoreError): WriteFailed => new WriteFailed({ cause })

/** The download of one package into the cache. The blob stays open while the fill runs or has readers. */
export class Fill {
  readonly key: PackageKey
  readonly identity: string
  readonly ready = Deferred.makeUnsafe<FillOutcome, unknown>()
  readonly progress = new SharedProgress()
  /** The end of this scope closes the blob and releases its reserved space. */
  readonly scope = Scope.makeUnsafe()
  descriptor: PackageDescriptor | undefined = undefined
  /**
   * The hash state of exactly the bytes that are in the blob. Undefined before the download begins, and always
   * undefined for a package of at most 256 KiB.
   */
  verifier: DigestVerifier | undefined = undefined
  /** The success value of `ready`. Undefined until `ready` completes, and after a failure. */
  outcome: FillOutcome | undefined = undefined
  fiber: Fiber.Fiber<void> | undefined = undefined
  /** The start of the fill, in milliseconds since the epoch. */
  beganAtMillis: number | undefined = undefined
  /** The fill's span, in the trace of the request that began the fill. Undefined until the fill runs. */
  span: Tracer.Span | undefined = undefined
  /**
   * The number of callers that wait for the fill or read its blob, plus 1 while the fill runs. Initially 2, for the
   * fill and the caller that began it.
   */
  holders = 2

  constructor(key: PackageKey, identity: string) {
    this.key = key
    this.identity = identity
  }
}

/** A fill that a caller has joined. */
export interface JoinedFill {
  readonly fill: Fill
  /** True if this caller began the fill. */
  readonly isNew: boolean
}

const nameOf = (key: PackageKey, descriptor: PackageDescriptor): BlobName => ({
  manifestDigest: key.manifestDigest,
  platform: descriptor.viaIndex ? Option.some(key.platform) : Option.none(),
  layerDigest: descriptor.layerDigest,
  size: descriptor.size,
  compression: descriptor.compression
})

/**
 * Makes the object that manages the fills in progress. At most one fill is in progress for each package key. All fills
 * run in the scope `cacheScope`.
 */
export const make = ({ cacheScope, memory, store, verified }: SharedCacheState) => {
  const running = new Map<string, Fill>()
  const buffers = new FillBufferPool()
  let draining = false
  let ended = 0

  const keyOf = (key: PackageKey): string => `${key.manifestDigest}@${key.platform}`

  const leave = (fill: Fill): Effect.Effect<void> =>
    Effect.suspend(() => {
      fill.holders--
      if (fill.holders === 0) return Scope.close(fill.scope, Exit.void)
      if (draining) stopIfUnread(fill)
      return Effect.void
    })

  const stopIfUnread = (fill: Fill): void => {
    if (fill.holders === 1) fill.fiber?.interruptUnsafe()
  }

  const announce = (fill: Fill, ready: FillOutcome) =>
    Effect.suspend(() => {
      fill.outcome ??= ready
      return Deferred.succeed(fill.ready, ready)
    })

  /**
   * Commits a verified blob. Then records that the store can be read and written. The fill proves both, because it
   * began with a successful look-up in the store, and has written the blob.
   */
  const commit = (fill: Fill, descriptor: PackageDescriptor, writer: BlobWriter) =>
    writer
      .commit(nameOf(fill.key, descriptor))
      .pipe(
        Effect.andThen(store.health.recordSuccess("write")),
        Effect.andThen(store.health.recordSuccess("read"))
      )

  const fillSmall = Effect.fnUntraced(function* <E>(
    fill: Fill,
    descriptor: PackageDescriptor,
    blob: Stream.Stream<Uint8Array, E>,
    writer: BlobWriter
  ) {
    const bytes = yield* readVerified(blob, verifierOf(descriptor))
    const isCached = yield* writer.write(bytes).pipe(
      Effect.andThen(writer.seal),
      Effect.andThen(commit(fill, descriptor, writer)),
      Effect.as(true),
      Effect.catch(({ cause }) => Effect.as(store.health.recordFailure("write", cause), false))
    )
    if (isCached) memory.insert(fill.key, descriptor, bytes)
    yield* announce(fill, { _tag: "Bytes", descriptor, bytes, isCached })
  })

  const fillLarge = Effect.fnUntraced(
    function* <E>(
      fill: Fill,
      descriptor: PackageDescriptor,
      blob: Stream.Stream<Uint8Array, E>,
      writer: BlobWriter
    ) {
      // Readers may copy from this buffer until the next write.
      let lastWritten: Uint8Array | undefined
      let verifier = verifierOf(descriptor)
      fill.verifier = verifier

      // Hashes the bytes while the store writes them. If the write fails, `fill.verifier` remains the previous
      // verifier.
      const write = (bytes: Uint8Array): Effect.Effect<void, WriteFailed> =>
        Effect.gen(function* () {
          const writing = yield* Effect.forkChild(writer.write(bytes), {
            startImmediately: true,
            uninterruptible: true
          })
          const next = verifier.copy()
          next.update(bytes)
          yield* Effect.mapError(Fiber.join(writing), writeFailed)
          verifier = next
          fill.verifier = next
          fill.progress.advance(bytes)
          if (lastWritten !== undefined) buffers.release(lastWritten)
          lastWritten = bytes
          yield* announce(fill, { _tag: "Blob", descriptor, blob: writer })
        }).pipe(Effect.uninterruptible)

      const accept = Effect.fnUntraced(function* (chunks: ReadonlyArray<Uint8Array>) {
        const length = chunks.reduce((sum, chunk) => sum + chunk.length, verifier.length)
        if (length > descriptor.size)
          return yield* mismatchError({ digest: descriptor.layerDigest, size: descriptor.size, length })
        // Each write is a round trip to another thread. Chunks that are not in the pool's buffers are therefore
        // gathered in one buffer first.
        let gathered: Uint8Array | undefined
        let count = 0
        const writeGathered = Effect.suspend(() => {
          const bytes = gathered?.subarray(0, count)
          gathered = undefined
          count = 0
          return bytes === undefined ? Effect.void : write(bytes)
        })
        for (const chunk of chunks) {
          if (buffers.owns(chunk)) {
            yield* writeGathered
            yield* write(chunk)
            continue
          }
          for (let at = 0; at < chunk.length;) {
            gathered ??= buffers.take()
            const part = chunk.subarray(at, at + gathered.length - count)
            gathered.set(part, count)
            count += part.length
            at += part.length
            if (count === gathered.length) yield* writeGathered
          }
        }
        yield* writeGathered
      })

      // The registry client reads about 512 KiB ahead of the store.
      yield* Stream.runForEachArray(blob, accept)
      if (!verifier.matches()) return yield* mismatchError(verifier)
      verified.add(yield* Effect.mapError(writer.seal, writeFailed))
      fill.progress.markVerified()
      if (lastWritten !== undefined) buffers.release(lastWritten)
      yield* Effect.catch(commit(fill, descriptor, writer), ({ cause }) =>
        store.health.recordFailure("write", cause)
      )
    },
    (effect, fill, descriptor) =>
      Effect.catchIf(
        effect,
        (error): error is WriteFailed => error instanceof WriteFailed,
        (error) => {
          // Readers of the blob continue from upstream. Callers that still wait for the first bytes download the whole
          // package from upstream.
          fill.progress.failDisk()
          return Effect.andThen(
            announce(fill, { _tag: "Bypass", descriptor }),
            store.health.recordFailure("write", error.cause)
          )
        }
      )
  )

  const run = Effect.fnUntraced(function* <E>(fill: Fill, source: PackageSource<E>) {
    const descriptor = yield* source.resolve
    fill.descriptor = descriptor
    const writer = yield* store.reserve(descriptor.size).pipe(
      Scope.provide(fill.scope),
      Effect.catch(({ cause }) => Effect.as(store.health.recordFailure("write", cause), Option.none()))
    )
    if (Option.isNone(writer)) return yield* Effect.asVoid(announce(fill, { _tag: "Bypass", descriptor }))
    if (descriptor.size <= maxInMemorySize) {
      return yield* fillSmall(fill, descriptor, source.blob(descriptor, 0), writer.value)
    }
    yield* Effect.acquireUseRelease(
      Effect.sync(() => buffers.fillBegan()),
      () => fillLarge(fill, descriptor, source.blob(descriptor, 0, buffers), writer.value),
      () => Effect.sync(() => buffers.fillEnded())
    )
  })

  const finish = (fill: Fill, exit: Exit.Exit<void, unknown>): Effect.Effect<void> =>
    Effect.gen(function* () {
      fill.span?.attribute("registry_packages_proxy.fill.bytes", fill.descriptor?.size ?? 0)
      fill.span?.end(yield* Clock.currentTimeNanos, exit)
      const now = yield* Clock.currentTimeMillis
      yield* Metric.update(Metrics.fillSeconds, (now - (fill.beganAtMillis ?? now)) / 1000)
      if (running.get(keyOf(fill.key)) === fill) running.delete(keyOf(fill.key))
      ended++
      if (Exit.isFailure(exit)) {
        const cause = Cause.hasInterruptsOnly(exit.cause) ? stoppedCause : exit.cause
        if (fill.progress.state === "inProgress") fill.progress.fail(cause)
        yield* Deferred.failCause(fill.ready, cause)
        // Without a descriptor (missing manifest or credentials), no download had begun, so the failure is not counted.
        if (fill.descriptor !== undefined) yield* Metric.update(Metrics.fillFailures, 1)
        yield* Effect.logDebug("fill failed", cause)
      }
      yield* Metric.modify(Metrics.fillsInProgress, -1)
      yield* leave(fill)
    })

  // Registers the fill synchronously, before the fill runs, so that two callers never begin two fills for one key.
  const start = <E>(key: PackageKey, source: PackageSource<E>): Effect.Effect<Fill> => {
    const fill = new Fill(key, source.identity)
    running.set(keyOf(key), fill)
    const attributes = { "registry_packages_proxy.package.digest": key.manifestDigest }
    return Metric.modify(Metrics.fillsInProgress, 1).pipe(
      Effect.andThen(Effect.all([Effect.makeSpan("cache.fill", { attributes }), Clock.currentTimeMillis])),
      Effect.flatMap(([span, now]) => {
        fill.span = span
        fill.beganAtMillis = now
        const traced = Effect.withParentSpan(run(fill, source), span, { captureStackTrace: false })
        return forkWithFinish(traced, (exit) => finish(fill, exit), cacheScope)
      }),
      Effect.map((fiber) => {
        fill.fiber = fiber
        return fill
      })
    )
  }

  return {
    find: (key: PackageKey): Fill | undefined => running.get(keyOf(key)),
    /**
     * The number of fills that have ended. If the number changes during a look-up in the store, the result of the
     * look-up may be stale.
     */
    ended: (): number => ended,
    /**
     * Joins the fill of a key until the scope ends. If the key has no fill in progress, calls `mayBegin`. If `mayBegin`
     * returns true, begins a fill in the same synchronous step. If `mayBegin` returns false, returns none.
     */
    join: <E>(
      key: PackageKey,
      source: PackageSource<E>,
      mayBegin: () => boolean
    ): Effect.Effect<Option.Option<JoinedFill>, never, Scope.Scope> =>
      Effect.acquireRelease(
        Effect.suspend((): Effect.Effect<Option.Option<JoinedFill>> => {
          const present = running.get(keyOf(key))
          if (present !== undefined) {
            // The caller is counted in the same synchronous step. One step later, the fill may have ended and closed
            // its blob.
            present.holders++
            return Effect.succeedSome({ fill: present, isNew: false })
          }
          if (!mayBegin()) return Effect.succeedNone
          return Effect.map(start(key, source), (fill) => Option.some({ fill, isNew: true }))
        }),
        Option.match({ onNone: () => Effect.void, onSome: ({ fill }) => leave(fill) })
      ),
    isDraining: (): boolean => draining,
    drain: Effect.sync(() => {
      draining = true
      for (const fill of running.values()) stopIfUnread(fill)
    })
  }
}

export type Fills = ReturnType<typeof make>
