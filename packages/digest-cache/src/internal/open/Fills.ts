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
import type { PackageKey, PackageSource } from "../../DigestCache.ts"
import * as Metrics from "../../Metrics.ts"
import { forkFinished, stopped } from "./Background.ts"
import type { BlobReader, BlobStoreError, BlobWriter } from "../../Blob.ts"
import type { BlobName } from "../../BlobName.ts"
import { Growing } from "../read/Growing.ts"
import type { CacheParts } from "./CacheParts.ts"
import { FillBuffers } from "./FillBuffers.ts"
import { smallPackage } from "./MemoryTier.ts"
import { collect, mismatch } from "../read/VerifyingReader.ts"

/** What those who wait for a fill are told once its first bytes are there. */
export type Ready =
  /** It will not be kept: everyone asks upstream for themselves. */
  | { readonly _tag: "Bypass"; readonly descriptor: PackageDescriptor }
  | {
      readonly _tag: "Bytes"
      readonly descriptor: PackageDescriptor
      readonly bytes: Uint8Array
      readonly kept: boolean
    }
  | {
      readonly _tag: "Blob"
      readonly descriptor: PackageDescriptor
      readonly blob: BlobReader
    }

/** The store did not take what was written; told apart from whatever the source fails with. */
class WriteFailed extends Schema.TaggedError<WriteFailed>()("WriteFailed", { cause: Schema.Defect() }) {}

const writeFailed = ({ cause }: BlobStoreError): WriteFailed => new WriteFailed({ cause })

/** One package on its way into the cache. It holds its blob for as long as anyone reads it. */
export class Fill {
  readonly key: PackageKey
  readonly identity: string
  readonly ready = Deferred.makeUnsafe<Ready, unknown>()
  readonly growing = new Growing()
  /** What the blob, and what reserves its space, is released with. */
  readonly scope = Scope.makeUnsafe()
  descriptor: PackageDescriptor | undefined = undefined
  /** Has seen exactly what the blob holds. */
  verifier: DigestVerifier | undefined = undefined
  /** What those who wait are told, from the moment on that it is known. */
  told: Ready | undefined = undefined
  fiber: Fiber.Fiber<void> | undefined = undefined
  /** When it began, in milliseconds since the epoch. */
  began: number | undefined = undefined
  /** In the trace of the request that began it; from the moment on that it runs. */
  span: Tracer.Span | undefined = undefined
  /** The fill itself, while it runs, and everyone who waits for it or reads it: who began it, at first. */
  users = 2

  constructor(key: PackageKey, identity: string) {
    this.key = key
    this.identity = identity
  }
}

/** A fill that somebody waits for or reads. */
export interface Joined {
  readonly fill: Fill
  readonly began: boolean
}

const nameOf = (key: PackageKey, descriptor: PackageDescriptor): BlobName => ({
  manifestDigest: key.manifestDigest,
  platform: descriptor.viaIndex ? Option.some(key.platform) : Option.none(),
  layerDigest: descriptor.layerDigest,
  size: descriptor.size,
  compression: descriptor.compression
})

/** The fills under way: at most one for a key, each in the cache's own scope. */
export const make = ({ cacheScope, memory, store, verified }: CacheParts) => {
  const running = new Map<string, Fill>()
  const buffers = new FillBuffers()
  let draining = false
  let ended = 0

  const keyOf = (key: PackageKey): string => `${key.manifestDigest}@${key.platform}`

  const leave = (fill: Fill): Effect.Effect<void> =>
    Effect.suspend(() => {
      fill.users--
      if (fill.users === 0) return Scope.close(fill.scope, Exit.void)
      if (draining) stopIfUnread(fill)
      return Effect.void
    })

  const stopIfUnread = (fill: Fill): void => {
    if (fill.users === 1) fill.fiber?.interruptUnsafe()
  }

  const tell = (fill: Fill, ready: Ready) =>
    Effect.suspend(() => {
      fill.told ??= ready
      return Deferred.succeed(fill.ready, ready)
    })

  const fillSmall = Effect.fnUntraced(function* <E>(
    fill: Fill,
    descriptor: PackageDescriptor,
    blob: Stream.Stream<Uint8Array, E>,
    writer: BlobWriter
  ) {
    const bytes = yield* collect(blob, verifierOf(descriptor))
    const kept = yield* writer.write(bytes).pipe(
      Effect.andThen(writer.seal),
      Effect.andThen(writer.commit(nameOf(fill.key, descriptor))),
      Effect.as(true),
      Effect.catch(({ cause }) => Effect.as(store.health.failed("write", cause), false))
    )
    if (kept) memory.insert(fill.key, descriptor, bytes)
    yield* tell(fill, { _tag: "Bytes", descriptor, bytes, kept })
  })

  const fillLarge = Effect.fnUntraced(
    function* <E>(
      fill: Fill,
      descriptor: PackageDescriptor,
      blob: Stream.Stream<Uint8Array, E>,
      writer: BlobWriter
    ) {
      // Readers copy it until there is more.
      let written: Uint8Array | undefined
      let verifier = verifierOf(descriptor)
      fill.verifier = verifier

      // Hashed while the store takes it; where it does not, the verifier before it stands.
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
          fill.growing.grew(bytes)
          if (written !== undefined) buffers.giveBack(written)
          written = bytes
          yield* tell(fill, { _tag: "Blob", descriptor, blob: writer })
        }).pipe(Effect.uninterruptible)

      const accept = Effect.fnUntraced(function* (chunks: ReadonlyArray<Uint8Array>) {
        const length = chunks.reduce((sum, chunk) => sum + chunk.length, verifier.length)
        if (length > descriptor.size)
          return yield* mismatch({ digest: descriptor.layerDigest, size: descriptor.size, length })
        // Each write is a trip to another thread and back: what did not come in a buffer of ours is gathered in one.
        let gathered: Uint8Array | undefined
        let count = 0
        const writeGathered = Effect.suspend(() => {
          const bytes = gathered?.subarray(0, count)
          gathered = undefined
          count = 0
          return bytes === undefined ? Effect.void : write(bytes)
        })
        for (const chunk of chunks) {
          if (buffers.lent(chunk)) {
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

      // The registry client reads ahead of the disk, no more than half a MiB.
      yield* Stream.runForEachArray(blob, accept)
      if (!verifier.matches()) return yield* mismatch(verifier)
      verified.add(yield* Effect.mapError(writer.seal, writeFailed))
      fill.growing.verify()
      if (written !== undefined) buffers.giveBack(written)
      yield* writer
        .commit(nameOf(fill.key, descriptor))
        .pipe(Effect.catch(({ cause }) => store.health.failed("write", cause)))
    },
    (effect, fill, descriptor) =>
      Effect.catchIf(
        effect,
        (error): error is WriteFailed => error instanceof WriteFailed,
        (error) => {
          // Whoever reads goes on from upstream; whoever only waits for the first byte does so from the start.
          fill.growing.detach()
          return Effect.andThen(
            tell(fill, { _tag: "Bypass", descriptor }),
            store.health.failed("write", error.cause)
          )
        }
      )
  )

  const run = Effect.fnUntraced(function* <E>(fill: Fill, source: PackageSource<E>) {
    const descriptor = yield* source.resolve
    fill.descriptor = descriptor
    const writer = yield* store.reserve(descriptor.size).pipe(
      Scope.provide(fill.scope),
      Effect.catch(({ cause }) => Effect.as(store.health.failed("write", cause), Option.none()))
    )
    if (Option.isNone(writer)) return yield* Effect.asVoid(tell(fill, { _tag: "Bypass", descriptor }))
    if (descriptor.size <= smallPackage) {
      return yield* fillSmall(fill, descriptor, source.blob(descriptor, 0), writer.value)
    }
    yield* Effect.acquireUseRelease(
      Effect.sync(() => buffers.began()),
      () => fillLarge(fill, descriptor, source.blob(descriptor, 0, buffers), writer.value),
      () => Effect.sync(() => buffers.ended())
    )
  })

  const finish = (fill: Fill, exit: Exit.Exit<void, unknown>): Effect.Effect<void> =>
    Effect.gen(function* () {
      fill.span?.attribute("registry_packages_proxy.fill.bytes", fill.descriptor?.size ?? 0)
      fill.span?.end(yield* Clock.currentTimeNanos, exit)
      const now = yield* Clock.currentTimeMillis
      yield* Metric.update(Metrics.fillSeconds, (now - (fill.began ?? now)) / 1000)
      if (running.get(keyOf(fill.key)) === fill) running.delete(keyOf(fill.key))
      // What others looked for before may be there now.
      ended++
      if (Exit.isFailure(exit)) {
        const cause = Cause.hasInterruptsOnly(exit.cause) ? stopped : exit.cause
        if (fill.growing.state === "growing") fill.growing.fail(cause)
        yield* Deferred.failCause(fill.ready, cause)
        // A manifest that is not there, or credentials that are not, began no fill.
        if (fill.descriptor !== undefined) yield* Metric.update(Metrics.fillFailures, 1)
        yield* Effect.logDebug("fill failed", cause)
      }
      yield* Metric.modify(Metrics.fills, -1)
      yield* leave(fill)
    })

  // Found by others from the call on, before any of it runs: two callers never begin two.
  const start = <E>(key: PackageKey, source: PackageSource<E>): Effect.Effect<Fill> => {
    const fill = new Fill(key, source.identity)
    running.set(keyOf(key), fill)
    const attributes = { "registry_packages_proxy.package.digest": key.manifestDigest }
    return Metric.modify(Metrics.fills, 1).pipe(
      Effect.andThen(Effect.all([Effect.makeSpan("cache.fill", { attributes }), Clock.currentTimeMillis])),
      Effect.flatMap(([span, now]) => {
        fill.span = span
        fill.began = now
        const traced = Effect.withParentSpan(run(fill, source), span, { captureStackTrace: false })
        return forkFinished(traced, (exit) => finish(fill, exit), cacheScope)
      }),
      Effect.map((fiber) => {
        fill.fiber = fiber
        return fill
      })
    )
  }

  return {
    find: (key: PackageKey): Fill | undefined => running.get(keyOf(key)),
    /** How many fills have ended: where another one has, what was looked for in the store may have come. */
    ended: (): number => ended,
    /**
     * The fill for a key, held until the scope ends; `began` tells whether this call began it. None where there is none
     * and `mayBegin` says, in the step that looked, that none is to begin.
     */
    join: <E>(
      key: PackageKey,
      source: PackageSource<E>,
      mayBegin: () => boolean
    ): Effect.Effect<Option.Option<Joined>, never, Scope.Scope> =>
      Effect.acquireRelease(
        Effect.suspend((): Effect.Effect<Option.Option<Joined>> => {
          const present = running.get(keyOf(key))
          if (present !== undefined) {
            // Counted in the step that found it: in the next one it may have ended and let go of its file.
            present.users++
            return Effect.succeedSome({ fill: present, began: false })
          }
          if (!mayBegin()) return Effect.succeedNone
          return Effect.map(start(key, source), (fill) => Option.some({ fill, began: true }))
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
