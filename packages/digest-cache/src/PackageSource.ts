import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { Effect, Stream } from "effect"

/** The registry that a package is fetched from. */
export interface PackageSource<E> {
  /** Equal for equal sources. Callers that wait for one digest share a failure only if their sources are equal. */
  readonly identity: string
  readonly resolve: Effect.Effect<PackageDescriptor, E>
  /** The blob's bytes from `offset` to its end, in `buffers` or in memory of their own. */
  readonly blob: (
    descriptor: PackageDescriptor,
    offset: number,
    buffers?: ReadBuffers
  ) => Stream.Stream<Uint8Array, E>
}
