import type { PackageReader } from "@registry-packages-proxy/digest-cache/OpenPackage"
import type { PackageKey } from "@registry-packages-proxy/digest-cache/PackageKey"
import type { PackageSource } from "@registry-packages-proxy/digest-cache/PackageSource"
import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { Cause, Deferred, Effect, Latch, Schema, Stream } from "effect"
import { copyIntoBuffer } from "../registry-client/TestBuffers.ts"

/** The source of a {@link TestPackage} failed because the test set `failAt`. */
export class SourceFailed extends Schema.TaggedError<SourceFailed>()("SourceFailed", {
  identity: Schema.String,
  at: Schema.Int
}) {}

export const defaultPlatform = Platform.make("linux/amd64")

/**
 * Returns pseudo-random bytes, so that a test notices bytes from a wrong offset. Different seeds give different bytes.
 */
const pseudoRandomBytes = (size: number, seed: number): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(size)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/**
 * A package in memory, and its source for a DigestCache. A test can make the source wait, fail or send wrong bytes, and
 * can count the calls of the source.
 */
export class TestPackage {
  readonly bytes: Buffer
  readonly key: PackageKey
  readonly descriptor: PackageDescriptor
  /** The bytes that the source sends. A test may replace them. */
  sourceBytes: Buffer
  /**
   * The source fails before it sends the byte at this offset. If the offset is -1, `resolve` fails. Default: the source
   * does not fail.
   */
  failAt: number | undefined = undefined
  resolveCalls = 0
  /** The start offset of each blob stream, in the order in which the streams were opened. */
  readonly streamOffsets: Array<number> = []
  /** Number of open blob streams. */
  openStreams = 0
  readonly #chunk: number
  #holdAt = Number.POSITIVE_INFINITY
  #held = Deferred.makeUnsafe<void>()
  #moved = Latch.makeUnsafe(false)

  constructor(options: {
    readonly size: number
    readonly seed: number
    readonly chunkSize?: number
    readonly viaIndex?: boolean
    readonly compression?: "gzip" | "zstd"
  }) {
    this.bytes = pseudoRandomBytes(options.size, options.seed)
    this.sourceBytes = this.bytes
    this.#chunk = options.chunkSize ?? 64 * 1024
    this.key = {
      manifestDigest: digestOf(Buffer.from(`manifest ${options.seed} ${options.size}`)),
      platform: defaultPlatform
    }
    this.descriptor = {
      layerDigest: digestOf(this.bytes),
      size: options.size,
      compression: options.compression ?? "gzip",
      viaIndex: options.viaIndex ?? false
    }
  }

  get size(): number {
    return this.bytes.length
  }

  /**
   * Makes {@link TestPackage.source} wait before the byte at offset `position`, and cancels the previous `holdAt`. If
   * `position` is -1, the source's `resolve` waits. If `position` is the size of the package, the source's stream waits
   * before its end.
   */
  holdAt(position: number): void {
    this.#holdAt = position
    this.#held = Deferred.makeUnsafe()
    const moved = this.#moved
    this.#moved = Latch.makeUnsafe(false)
    moved.openUnsafe()
  }

  /** Lets the source continue, and cancels the previous `holdAt`. */
  release(): void {
    this.holdAt(Number.POSITIVE_INFINITY)
  }

  /** Waits until the source has reached the position that the last call of `holdAt` set. */
  get awaitHeld(): Effect.Effect<void> {
    return Effect.suspend(() => Deferred.await(this.#held))
  }

  source(identity = "one"): PackageSource<SourceFailed> {
    return {
      identity,
      resolve: Effect.suspend(() => {
        this.resolveCalls++
        return Effect.andThen(this.#pass(-1, identity), Effect.succeed(this.descriptor))
      }),
      blob: (_, offset, buffers) => this.#stream(offset, identity, buffers)
    }
  }

  #pass(position: number, identity: string): Effect.Effect<void, SourceFailed> {
    return Effect.suspend(() => {
      if (position >= this.#holdAt) {
        // Read `#moved` first: `doneUnsafe` may resume a fiber in `awaitHeld`, and that fiber may replace `#moved`.
        const moved = this.#moved
        Deferred.doneUnsafe(this.#held, Effect.void)
        return Effect.andThen(moved.await, this.#pass(position, identity))
      }
      return this.failAt !== undefined && position >= this.failAt
        ? new SourceFailed({ identity, at: position })
        : Effect.void
    })
  }

  #stream(offset: number, identity: string, buffers?: ReadBuffers): Stream.Stream<Uint8Array, SourceFailed> {
    const opened = Effect.acquireRelease(
      Effect.sync(() => {
        this.streamOffsets.push(offset)
        this.openStreams++
      }),
      () =>
        Effect.sync(() => {
          this.openStreams--
        })
    )
    return Stream.unwrap(
      Effect.map(opened, () => {
        let position = offset
        let lends = false
        const next = Effect.suspend(() => {
          if (position >= this.sourceBytes.length) return Cause.done()
          const end = Math.min(
            position + this.#chunk,
            this.#holdAt > position ? this.#holdAt : Number.POSITIVE_INFINITY,
            this.failAt !== undefined && this.failAt > position ? this.failAt : Number.POSITIVE_INFINITY,
            this.sourceBytes.length
          )
          const chunk = this.sourceBytes.subarray(position, end)
          position = end
          // Chunks are alternately in the reader's buffers and in memory of the source.
          lends = !lends
          return Effect.succeed([lends ? copyIntoBuffer(buffers, chunk) : chunk] as const)
        })
        return Stream.fromPull(
          Effect.succeed(
            Effect.flatMap(
              Effect.suspend(() => this.#pass(position, identity)),
              () => next
            )
          )
        )
      })
    )
  }
}

/** Reads and returns all bytes. Calls `progress` after each read, with the number of bytes read so far. */
export const readAll = <E>(
  reader: PackageReader<E>,
  options: { readonly progress?: (count: number) => void } = {}
) =>
  Effect.gen(function* () {
    const into = Buffer.allocUnsafeSlow(100_000)
    const parts: Array<Buffer> = []
    let count = 0
    while (true) {
      const length = yield* reader.read(into)
      if (length === 0) return Buffer.concat(parts)
      parts.push(Buffer.from(into.subarray(0, length)))
      count += length
      options.progress?.(count)
    }
  })
