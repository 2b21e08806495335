import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Cause, Effect, Exit, type FileSystem, Option, Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BodyError } from "../BodyError.ts"
import type { OpenPackage, PackageKey } from "../DigestCache.ts"
import { forkFinished, stopped } from "./Background.ts"
import { type Entry, type Fingerprint, sameFingerprint } from "./Entries.ts"
import { fileReader, Growing, growingReader, readAt } from "./Growing.ts"
import { type MemoryTier, smallPackage } from "./MemoryTier.ts"
import type { Store } from "./Store.ts"
import { mismatch } from "./VerifyingReader.ts"

/** How much is read and hashed at a time when a file is verified; the loop is free in between. */
const verifiedAtOnce = 256 * 1024

/** What opening an entry came to: an answer, a file that is not (any more) what it should be, or a disk that fails. */
export type Hit =
  | { readonly _tag: "Opened"; readonly opened: OpenPackage<never> }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Failed" }

const gone: Hit = { _tag: "Gone" }

const readWhole = (
  file: FileSystem.File,
  into: Uint8Array,
  position: number
): Effect.Effect<void, BodyError> =>
  position === into.length
    ? Effect.void
    : Effect.flatMap(readAt(file, into.subarray(position), position), (count) =>
        readWhole(file, into, position + count)
      )

/** Answers from entries on disk, verifying each once a run. */
export const make = (store: Store, memory: MemoryTier, cacheScope: Scope.Scope) => {
  const dropChanged = (entry: Entry): Effect.Effect<void> =>
    Effect.andThen(
      Effect.logWarning("a cached package is not what it was; it is removed and will be fetched again", {
        digest: entry.name.requested
      }),
      store.drop(entry)
    )

  /** Hashes the whole file, which must stay the one it was. */
  const hash = (entry: Entry, fingerprint: Fingerprint) =>
    Effect.gen(function* () {
      yield* store.retain(entry)
      const file = yield* store.directory.open(entry.fileName)
      const verifier = new DigestVerifier(entry.descriptor)
      const buffer = Buffer.allocUnsafeSlow(Math.min(verifiedAtOnce, entry.size))
      while (verifier.length < entry.size) {
        const count = yield* readAt(file, buffer.subarray(0, entry.size - verifier.length), verifier.length)
        verifier.update(buffer.subarray(0, count))
      }
      const after = yield* store.directory.fingerprint(file)
      if (!verifier.matches() || !sameFingerprint(after, fingerprint)) return yield* mismatch(verifier)
      // Somebody may have seen it change meanwhile: then it is theirs to verify.
      if (sameFingerprint(entry.fingerprint, fingerprint)) entry.verified = true
    }).pipe(Effect.scoped)

  const verified = (entry: Entry, growing: Growing) => (exit: Exit.Exit<void, PlatformError | BodyError>) =>
    Effect.suspend(() => {
      if (entry.verification === growing) entry.verification = undefined
      if (Exit.isSuccess(exit)) return Effect.sync(() => growing.verify())
      growing.fail(Cause.hasInterruptsOnly(exit.cause) ? stopped : exit.cause)
      if (Cause.hasInterruptsOnly(exit.cause)) return Effect.void
      const error = Cause.findErrorOption(exit.cause)
      return Option.isSome(error) &&
        error.value._tag === "BodyError" &&
        error.value.reason._tag === "DigestMismatch"
        ? dropChanged(entry)
        : store.health.failed("read", exit.cause)
    })

  /** The verification under way, begun if there is none: one for all who read meanwhile. */
  const verificationOf = (entry: Entry): Effect.Effect<Growing> =>
    Effect.suspend(() => {
      if (entry.verification !== undefined) return Effect.succeed(entry.verification)
      const growing = new Growing()
      growing.available = entry.size
      entry.verification = growing
      return Effect.as(
        forkFinished(hash(entry, entry.fingerprint), verified(entry, growing), cacheScope),
        growing
      )
    }).pipe(Effect.uninterruptible)

  const openSmall = (key: PackageKey, entry: Entry, file: FileSystem.File): Effect.Effect<Hit, BodyError> =>
    Effect.gen(function* () {
      const { fingerprint } = entry
      const bytes = Buffer.allocUnsafeSlow(entry.size)
      yield* readWhole(file, bytes, 0)
      if (!entry.verified) {
        const verifier = new DigestVerifier(entry.descriptor)
        verifier.update(bytes)
        if (!verifier.matches()) return yield* Effect.as(dropChanged(entry), gone)
        if (sameFingerprint(entry.fingerprint, fingerprint)) entry.verified = true
      }
      memory.insert(key, entry.descriptor, bytes)
      return {
        _tag: "Opened",
        opened: {
          descriptor: entry.descriptor,
          result: "hit",
          acceptsRanges: true,
          body: (start, end) => ({ _tag: "Bytes", bytes: bytes.subarray(start, end) })
        }
      }
    })

  const openLarge = (entry: Entry, file: FileSystem.File): Effect.Effect<Hit> =>
    Effect.gen(function* () {
      const { fingerprint } = entry
      const unchanged = store.directory.unchanged(file, () => fingerprint)
      const growing = entry.verified ? undefined : yield* verificationOf(entry)
      return {
        _tag: "Opened",
        opened: {
          descriptor: entry.descriptor,
          result: "hit",
          acceptsRanges: true,
          body: (start, end) => ({
            _tag: "Reader",
            reader:
              growing === undefined
                ? fileReader({ file, start, end, unchanged })
                : growingReader<never>({
                    growing,
                    file,
                    start,
                    end,
                    unchanged,
                    continued: () => Effect.never
                  })
          })
        }
      }
    })

  const attempt = (
    key: PackageKey,
    entry: Entry
  ): Effect.Effect<Hit, PlatformError | BodyError, Scope.Scope> =>
    Effect.gen(function* () {
      yield* store.retain(entry)
      const file = yield* store.directory.open(entry.fileName)
      const fingerprint = yield* store.directory.fingerprint(file)
      // Dropped before it was held: the file may be a new entry's, which nothing of ours holds.
      if (entry.dropped) return gone
      if (fingerprint.size !== entry.size) return yield* Effect.as(dropChanged(entry), gone)
      if (!sameFingerprint(fingerprint, entry.fingerprint)) {
        entry.fingerprint = fingerprint
        entry.verified = false
        entry.verification = undefined
      }
      yield* store.use(entry)
      const hit = yield* entry.size <= smallPackage ? openSmall(key, entry, file) : openLarge(entry, file)
      yield* store.health.works("read")
      return hit
    })

  /** Opens an entry. What it holds is released with the caller's scope, at once where nothing was opened. */
  const open = (key: PackageKey, entry: Entry): Effect.Effect<Hit, never, Scope.Scope> =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const hit = yield* attempt(key, entry).pipe(
        Scope.provide(scope),
        Effect.catchReason("PlatformError", "NotFound", () => Effect.as(store.drop(entry), gone)),
        Effect.catch((cause) =>
          Effect.as(store.health.failed("read", cause), { _tag: "Failed" } satisfies Hit)
        )
      )
      if (hit._tag !== "Opened" || entry.size <= smallPackage) yield* Scope.close(scope, Exit.void)
      return hit
    })

  return { open }
}
