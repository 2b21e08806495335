import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Cause, Effect, Exit, type FileSystem, Option, Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BodyError } from "../../BodyError.ts"
import type { OpenPackage, PackageKey } from "../../DigestCache.ts"
import { forkFinished, stopped } from "./Background.ts"
import type { Entry } from "../disk/Entries.ts"
import type { FileVersion } from "../disk/FileVersion.ts"
import { fileReader, Growing, growingReader, readAt } from "../read/Growing.ts"
import { type MemoryTier, smallPackage } from "./MemoryTier.ts"
import type { Store } from "../disk/DiskStore.ts"
import { mismatch } from "../read/VerifyingReader.ts"

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

  const lookAt = (entry: Entry, file: FileSystem.File) =>
    store.directory.look(file, () => store.directory.entryPath(entry.fileName))

  /** Hashes the whole file, which must stay the version that it was. */
  const hash = (entry: Entry, version: FileVersion) =>
    Effect.gen(function* () {
      yield* store.retain(entry)
      const file = yield* store.directory.open(entry.fileName)
      const verifier = new DigestVerifier(entry.descriptor)
      const buffer = Buffer.allocUnsafeSlow(Math.min(verifiedAtOnce, entry.size))
      while (verifier.length < entry.size) {
        const count = yield* readAt(file, buffer.subarray(0, entry.size - verifier.length), verifier.length)
        verifier.update(buffer.subarray(0, count))
      }
      const { same } = yield* version.compare(lookAt(entry, file))
      if (!verifier.matches() || !same) return yield* mismatch(verifier)
      version.verified = true
    }).pipe(Effect.scoped)

  const verified =
    (entry: Entry, version: FileVersion, growing: Growing) =>
    (exit: Exit.Exit<void, PlatformError | BodyError>) =>
      Effect.suspend(() => {
        version.verification = undefined
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

  /** The verification in progress, begun if there is none: one for all who read meanwhile. */
  const verificationOf = (entry: Entry, version: FileVersion): Effect.Effect<Growing> =>
    Effect.suspend(() => {
      if (version.verification !== undefined) return Effect.succeed(version.verification)
      const growing = new Growing()
      growing.available = entry.size
      version.verification = growing
      return Effect.as(
        forkFinished(hash(entry, version), verified(entry, version, growing), cacheScope),
        growing
      )
    }).pipe(Effect.uninterruptible)

  // Hashed each time it comes from disk: nobody looks at what is in memory again.
  const openSmall = (key: PackageKey, entry: Entry, file: FileSystem.File): Effect.Effect<Hit, BodyError> =>
    Effect.gen(function* () {
      const bytes = Buffer.allocUnsafeSlow(entry.size)
      yield* readWhole(file, bytes, 0)
      const verifier = new DigestVerifier(entry.descriptor)
      verifier.update(bytes)
      if (!verifier.matches()) return yield* Effect.as(dropChanged(entry), gone)
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

  const openLarge = (entry: Entry, version: FileVersion, file: FileSystem.File): Effect.Effect<Hit> =>
    Effect.gen(function* () {
      const unchanged = store.directory.unchanged(lookAt(entry, file), () => version)
      const growing = version.verified ? undefined : yield* verificationOf(entry, version)
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

  /** The version that an open file is; a new one where it is not what was last seen. */
  const versionOf = (entry: Entry, file: FileSystem.File): Effect.Effect<FileVersion, PlatformError> =>
    Effect.suspend(() => {
      const look = lookAt(entry, file)
      const known = entry.version
      if (known === undefined) {
        return Effect.flatMap(look, (present) =>
          entry.version === undefined ? Effect.succeed(entry.replaceVersion(present)) : versionOf(entry, file)
        )
      }
      return Effect.flatMap(known.compare(look), ({ present, same }) => {
        if (same) return Effect.succeed(known)
        // Somebody else may have found that meanwhile.
        return entry.version === known
          ? Effect.succeed(entry.replaceVersion(present))
          : versionOf(entry, file)
      })
    })

  const attempt = (
    key: PackageKey,
    entry: Entry
  ): Effect.Effect<Hit, PlatformError | BodyError, Scope.Scope> =>
    Effect.gen(function* () {
      yield* store.retain(entry)
      const file = yield* store.directory.open(entry.fileName)
      const version = yield* versionOf(entry, file)
      // Dropped before it was held: the file may be a new entry's, which nothing of ours holds.
      if (entry.dropped) return gone
      if (version.size !== entry.size) return yield* Effect.as(dropChanged(entry), gone)
      yield* store.use(entry)
      const hit = yield* entry.size <= smallPackage
        ? openSmall(key, entry, file)
        : openLarge(entry, version, file)
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
