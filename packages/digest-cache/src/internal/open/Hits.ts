import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Cause, Effect, Exit, Option, Scope } from "effect"
import type { BlobReader, BlobStoreError, BlobVersion, OpenBlob, StoredBlob } from "../../Blob.ts"
import { descriptorOf } from "../../BlobName.ts"
import type { BodyError } from "../../BodyError.ts"
import type { OpenPackage, PackageKey } from "../../DigestCache.ts"
import { forkFinished, stopped } from "./Background.ts"
import type { CacheParts } from "./CacheParts.ts"
import { blobReader, bodyError, Growing, growingReader, readAt } from "../read/Growing.ts"
import { smallPackage } from "./MemoryTier.ts"
import { mismatch } from "../read/VerifyingReader.ts"

/** How much is read and hashed at a time when a blob is verified; the loop is free in between. */
const verifiedAtOnce = 256 * 1024

/** What opening a blob came to: an answer, a blob that is not (any more) what it should be, or a store that fails. */
export type Hit =
  | { readonly _tag: "Opened"; readonly opened: OpenPackage<never> }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Failed" }

const gone: Hit = { _tag: "Gone" }

const readWhole = (blob: BlobReader, into: Uint8Array, position: number): Effect.Effect<void, BodyError> =>
  position === into.length
    ? Effect.void
    : Effect.flatMap(readAt(blob, into.subarray(position), position), (count) =>
        readWhole(blob, into, position + count)
      )

/** Answers from the store, verifying each version of a blob once a run. */
export const make = ({ cacheScope, memory, store, verified }: CacheParts) => {
  /** The verifications in progress. */
  const verifications = new WeakMap<BlobVersion, Growing>()

  const dropChanged = (blob: StoredBlob): Effect.Effect<void> =>
    Effect.andThen(
      Effect.logWarning("a cached package is not what it was; it is removed and will be fetched again", {
        digest: blob.name.manifestDigest
      }),
      store.remove(blob)
    )

  /** Hashes the whole blob, which must stay the version that it was. */
  const hash = (blob: StoredBlob, version: BlobVersion) =>
    Effect.gen(function* () {
      const descriptor = descriptorOf(blob.name)
      const verifier = verifierOf(descriptor)
      const opened = yield* Effect.mapError(store.open(blob), bodyError)
      if (Option.isNone(opened) || opened.value.version !== version) return yield* mismatch(verifier)
      const buffer = Buffer.allocUnsafeSlow(Math.min(verifiedAtOnce, descriptor.size))
      while (verifier.length < descriptor.size) {
        const count = yield* readAt(
          opened.value,
          buffer.subarray(0, descriptor.size - verifier.length),
          verifier.length
        )
        verifier.update(buffer.subarray(0, count))
      }
      const unchanged = yield* Effect.mapError(opened.value.unchanged, bodyError)
      if (!verifier.matches() || !unchanged) return yield* mismatch(verifier)
      verified.add(version)
    }).pipe(Effect.scoped)

  const finish =
    (blob: StoredBlob, version: BlobVersion, growing: Growing) => (exit: Exit.Exit<void, BodyError>) =>
      Effect.suspend(() => {
        verifications.delete(version)
        if (Exit.isSuccess(exit)) return Effect.sync(() => growing.verify())
        growing.fail(Cause.hasInterruptsOnly(exit.cause) ? stopped : exit.cause)
        if (Cause.hasInterruptsOnly(exit.cause)) return Effect.void
        const error = Cause.findErrorOption(exit.cause)
        return Option.isSome(error) && error.value.reason._tag === "DigestMismatch"
          ? dropChanged(blob)
          : store.health.failed("read", exit.cause)
      })

  /** The verification in progress, begun if there is none: one for all who read meanwhile. */
  const verificationOf = (blob: StoredBlob, version: BlobVersion): Effect.Effect<Growing> =>
    Effect.suspend(() => {
      const running = verifications.get(version)
      if (running !== undefined) return Effect.succeed(running)
      const growing = new Growing()
      growing.available = blob.name.size
      verifications.set(version, growing)
      return Effect.as(forkFinished(hash(blob, version), finish(blob, version, growing), cacheScope), growing)
    }).pipe(Effect.uninterruptible)

  // Hashed each time it comes from the store: nobody looks at what is in memory again.
  const openSmall = (
    key: PackageKey,
    blob: StoredBlob,
    descriptor: PackageDescriptor,
    opened: OpenBlob
  ): Effect.Effect<Hit, BodyError> =>
    Effect.gen(function* () {
      const bytes = Buffer.allocUnsafeSlow(descriptor.size)
      yield* readWhole(opened, bytes, 0)
      const verifier = verifierOf(descriptor)
      verifier.update(bytes)
      if (!verifier.matches()) return yield* Effect.as(dropChanged(blob), gone)
      memory.insert(key, descriptor, bytes)
      return {
        _tag: "Opened",
        opened: {
          descriptor,
          result: "hit",
          acceptsRanges: true,
          body: (start, end) => ({ _tag: "Bytes", bytes: bytes.subarray(start, end) })
        }
      }
    })

  const openLarge = (blob: StoredBlob, descriptor: PackageDescriptor, opened: OpenBlob): Effect.Effect<Hit> =>
    Effect.gen(function* () {
      const { version } = opened
      const growing = verified.has(version) ? undefined : yield* verificationOf(blob, version)
      return {
        _tag: "Opened",
        opened: {
          descriptor,
          result: "hit",
          acceptsRanges: true,
          body: (start, end) => ({
            _tag: "Reader",
            reader:
              growing === undefined
                ? blobReader({ blob: opened, start, end })
                : growingReader<never>({
                    growing,
                    blob: opened,
                    start,
                    end,
                    continued: () => Effect.never
                  })
          })
        }
      }
    })

  const attempt = (
    key: PackageKey,
    blob: StoredBlob
  ): Effect.Effect<Hit, BlobStoreError | BodyError, Scope.Scope> =>
    Effect.gen(function* () {
      const opened = yield* store.open(blob)
      if (Option.isNone(opened)) return gone
      const descriptor = descriptorOf(blob.name)
      if (opened.value.size !== descriptor.size) return yield* Effect.as(dropChanged(blob), gone)
      store.touch(key)
      const hit = yield* descriptor.size <= smallPackage
        ? openSmall(key, blob, descriptor, opened.value)
        : openLarge(blob, descriptor, opened.value)
      yield* store.health.works("read")
      return hit
    })

  return {
    /** Opens a blob. What it holds is released with the caller's scope, at once where nothing was opened. */
    open: (key: PackageKey, blob: StoredBlob): Effect.Effect<Hit, never, Scope.Scope> =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const hit = yield* attempt(key, blob).pipe(
          Scope.provide(scope),
          Effect.catch((cause) =>
            Effect.as(store.health.failed("read", cause), { _tag: "Failed" } satisfies Hit)
          )
        )
        if (hit._tag !== "Opened" || blob.name.size <= smallPackage) yield* Scope.close(scope, Exit.void)
        return hit
      }),
    /** True if opening a blob would answer it now. */
    answers: (blob: StoredBlob): Effect.Effect<boolean> =>
      store.open(blob).pipe(
        Effect.map(Option.exists(({ size }) => size === blob.name.size)),
        Effect.orElseSucceed(() => false),
        Effect.scoped
      )
  }
}
