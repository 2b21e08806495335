import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Cause, Effect, Exit, Option, Scope } from "effect"
import type { BlobReader, BlobStoreError, BlobVersion, OpenBlob, StoredBlob } from "../../Blob.ts"
import { descriptorOf } from "../../BlobName.ts"
import type { BodyError } from "../../BodyError.ts"
import type { OpenPackage } from "../../OpenPackage.ts"
import type { PackageKey } from "../../PackageKey.ts"
import { forkWithFinish, stoppedCause } from "./Background.ts"
import type { SharedCacheState } from "./SharedCacheState.ts"
import { blobReader, toBodyError, SharedProgress, progressReader, readAt } from "../read/SharedProgress.ts"
import { maxInMemorySize } from "./MemoryTier.ts"
import { hashBlob } from "../read/HashBlob.ts"
import { mismatchError } from "../read/VerifyingReader.ts"

/**
 * The result of opening a blob. `Gone`: the blob was removed, or had a wrong size or digest and was evicted. `Failed`:
 * the store could not read the blob.
 */
export type OpenResult =
  | { readonly _tag: "Opened"; readonly opened: OpenPackage<never> }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Failed" }

const gone: OpenResult = { _tag: "Gone" }

const readWhole = (blob: BlobReader, into: Uint8Array, position: number): Effect.Effect<void, BodyError> =>
  position === into.length
    ? Effect.void
    : Effect.flatMap(readAt(blob, into.subarray(position), position), (count) =>
        readWhole(blob, into, position + count)
      )

/**
 * Makes the functions that open packages from the store. A blob of more than 256 KiB is verified once for each version.
 * A smaller blob is verified each time it is opened.
 */
export const make = ({ cacheScope, memory, store, verified }: SharedCacheState) => {
  const verifications = new WeakMap<BlobVersion, SharedProgress>()

  const dropChanged = (blob: StoredBlob): Effect.Effect<void> =>
    Effect.andThen(
      Effect.logWarning("cached package changed in the store; evicted", { digest: blob.name.manifestDigest }),
      store.remove(blob)
    )

  const verify = (blob: StoredBlob, version: BlobVersion) =>
    Effect.gen(function* () {
      const verifier = verifierOf(descriptorOf(blob.name))
      const opened = yield* Effect.mapError(store.open(blob), toBodyError)
      if (Option.isNone(opened) || opened.value.version !== version) return yield* mismatchError(verifier)
      yield* hashBlob(verifier, (into, position) => readAt(opened.value, into, position))
      const unchanged = yield* Effect.mapError(opened.value.unchanged, toBodyError)
      if (!verifier.matches() || !unchanged) return yield* mismatchError(verifier)
      verified.add(version)
    }).pipe(Effect.scoped)

  const finish =
    (blob: StoredBlob, version: BlobVersion, progress: SharedProgress) =>
    (exit: Exit.Exit<void, BodyError>) =>
      Effect.suspend(() => {
        verifications.delete(version)
        if (Exit.isSuccess(exit)) return Effect.sync(() => progress.markVerified())
        progress.fail(Cause.hasInterruptsOnly(exit.cause) ? stoppedCause : exit.cause)
        if (Cause.hasInterruptsOnly(exit.cause)) return Effect.void
        const error = Cause.findErrorOption(exit.cause)
        return Option.isSome(error) && error.value.reason._tag === "DigestMismatch"
          ? dropChanged(blob)
          : store.health.recordFailure("read", exit.cause)
      })

  /**
   * Returns the progress of the verification of `version`. Begins a verification if none is in progress for `version`.
   */
  const verificationOf = (blob: StoredBlob, version: BlobVersion): Effect.Effect<SharedProgress> =>
    Effect.suspend(() => {
      const running = verifications.get(version)
      if (running !== undefined) return Effect.succeed(running)
      const progress = new SharedProgress()
      progress.available = blob.name.size
      verifications.set(version, progress)
      return Effect.as(
        forkWithFinish(verify(blob, version), finish(blob, version, progress), cacheScope),
        progress
      )
    }).pipe(Effect.uninterruptible)

  // A small blob is verified each time it is read from the store, because bytes in memory are not verified again.
  const openSmall = (
    key: PackageKey,
    blob: StoredBlob,
    descriptor: PackageDescriptor,
    opened: OpenBlob
  ): Effect.Effect<OpenResult, BodyError> =>
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
          cacheResult: "hit",
          acceptsRanges: true,
          body: (start, end) => ({ _tag: "Bytes", bytes: bytes.subarray(start, end) })
        }
      }
    })

  const openLarge = (
    blob: StoredBlob,
    descriptor: PackageDescriptor,
    opened: OpenBlob
  ): Effect.Effect<OpenResult> =>
    Effect.gen(function* () {
      const { version } = opened
      const progress = verified.has(version) ? undefined : yield* verificationOf(blob, version)
      return {
        _tag: "Opened",
        opened: {
          descriptor,
          cacheResult: "hit",
          acceptsRanges: true,
          body: (start, end) => ({
            _tag: "Reader",
            reader:
              progress === undefined
                ? blobReader({ blob: opened, start, end })
                : progressReader<never>({
                    progress,
                    blob: opened,
                    start,
                    end,
                    continueFrom: () => Effect.never
                  })
          })
        }
      }
    })

  const attempt = (
    key: PackageKey,
    blob: StoredBlob
  ): Effect.Effect<OpenResult, BlobStoreError | BodyError, Scope.Scope> =>
    Effect.gen(function* () {
      const opened = yield* store.open(blob)
      if (Option.isNone(opened)) return gone
      const descriptor = descriptorOf(blob.name)
      if (opened.value.size !== descriptor.size) return yield* Effect.as(dropChanged(blob), gone)
      store.touch(key)
      const hit = yield* descriptor.size <= maxInMemorySize
        ? openSmall(key, blob, descriptor, opened.value)
        : openLarge(blob, descriptor, opened.value)
      yield* store.health.recordSuccess("read")
      return hit
    })

  return {
    /**
     * Opens a blob. A blob of more than 256 KiB stays open until the caller's scope ends. Any other blob is read into
     * memory and closed before `open` returns.
     */
    open: (key: PackageKey, blob: StoredBlob): Effect.Effect<OpenResult, never, Scope.Scope> =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const hit = yield* attempt(key, blob).pipe(
          Scope.provide(scope),
          Effect.catch((cause) =>
            Effect.as(store.health.recordFailure("read", cause), { _tag: "Failed" } satisfies OpenResult)
          )
        )
        if (hit._tag !== "Opened" || blob.name.size <= maxInMemorySize) yield* Scope.close(scope, Exit.void)
        return hit
      }),
    /** True if the store can open the blob now, and the blob has the size in its name. */
    canOpen: (blob: StoredBlob): Effect.Effect<boolean> =>
      store.open(blob).pipe(
        Effect.map(Option.exists(({ size }) => size === blob.name.size)),
        Effect.orElseSucceed(() => false),
        Effect.scoped
      )
  }
}
