import type {
  PackageKey,
  PackageReader,
  PackageSource
} from "@registry-packages-proxy/digest-cache/DigestCache"
import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { Cause, Deferred, Effect, Latch, Schema, Stream } from "effect"
import { inBufferOf } from "../registry-client/TestBuffers.ts"

/** A source that failed because a test told it to. */
export class SourceFailed extends Schema.TaggedError<SourceFailed>()("SourceFailed", {
  identity: Schema.String,
  at: Schema.Int
}) {}

export const platform = Platform.make("linux/amd64")

/** Bytes that differ at every place and between seeds, so that a wrong offset shows. */
export const bytesOf = (size: number, seed: number): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(size)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/**
 * A package in memory whose source does as a test says: waits before a byte, fails at one, gives a wrong one. Counts
 * what it is asked.
 */
export class TestPackage {
  readonly bytes: Buffer
  readonly key: PackageKey
  readonly descriptor: PackageDescriptor
  /** What the source gives; the bytes themselves unless a test replaces some. */
  given: Buffer
  /** Fails before this byte; -1 fails the resolving. */
  failAt: number | undefined = undefined
  resolves = 0
  /** The offsets at which the blob was asked for, in order. */
  readonly offsets: Array<number> = []
  /** Blob streams open now. */
  streams = 0
  readonly #chunk: number
  #holdAt = Number.POSITIVE_INFINITY
  #held = Deferred.makeUnsafe<void>()
  #moved = Latch.makeUnsafe(false)

  constructor(options: {
    readonly size: number
    readonly seed: number
    readonly chunk?: number
    readonly viaIndex?: boolean
    readonly compression?: "gzip" | "zstd"
  }) {
    this.bytes = bytesOf(options.size, options.seed)
    this.given = this.bytes
    this.#chunk = options.chunk ?? 64 * 1024
    this.key = { manifestDigest: digestOf(Buffer.from(`manifest ${options.seed} ${options.size}`)), platform }
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

  /** Makes streams wait before this byte (the size: before their end; -1: before resolving). */
  holdAt(position: number): void {
    this.#holdAt = position
    this.#held = Deferred.makeUnsafe()
    const moved = this.#moved
    this.#moved = Latch.makeUnsafe(false)
    moved.openUnsafe()
  }

  /** Lets everything go on. */
  proceed(): void {
    this.holdAt(Number.POSITIVE_INFINITY)
  }

  /** Returns once somebody waits where `holdAt` said. */
  get held(): Effect.Effect<void> {
    return Effect.suspend(() => Deferred.await(this.#held))
  }

  source(identity = "one"): PackageSource<SourceFailed> {
    return {
      identity,
      resolve: Effect.suspend(() => {
        this.resolves++
        return Effect.andThen(this.#pass(-1, identity), Effect.succeed(this.descriptor))
      }),
      blob: (_, offset, buffers) => this.#stream(offset, identity, buffers)
    }
  }

  #pass(position: number, identity: string): Effect.Effect<void, SourceFailed> {
    return Effect.suspend(() => {
      if (position >= this.#holdAt) {
        // Taken first: whoever waits for `held` may run, and move on, within the call.
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
        this.offsets.push(offset)
        this.streams++
      }),
      () =>
        Effect.sync(() => {
          this.streams--
        })
    )
    return Stream.unwrap(
      Effect.map(opened, () => {
        let position = offset
        let lends = false
        const next = Effect.suspend(() => {
          if (position >= this.given.length) return Cause.done()
          const end = Math.min(
            position + this.#chunk,
            this.#holdAt > position ? this.#holdAt : Number.POSITIVE_INFINITY,
            this.failAt !== undefined && this.failAt > position ? this.failAt : Number.POSITIVE_INFINITY,
            this.given.length
          )
          const chunk = this.given.subarray(position, end)
          position = end
          // Both kinds of chunks, in turns.
          lends = !lends
          return Effect.succeed([lends ? inBufferOf(buffers, chunk) : chunk] as const)
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

/** What a reader gives, to its end or its failure; `progress` is told the bytes had so far. */
export const readAll = <E>(
  reader: PackageReader<E>,
  options: { readonly at?: number; readonly progress?: (count: number) => void } = {}
) =>
  Effect.gen(function* () {
    const into = Buffer.allocUnsafeSlow(options.at ?? 100_000)
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
