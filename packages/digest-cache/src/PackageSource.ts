import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { Effect, Stream } from "effect"

/** Downloads one package from a registry. `E` is the type of its errors. */
export interface PackageSource<E> {
  /**
   * Identifies the registry and the repository of the package. If a shared download fails, callers with the same
   * identity receive the same failure. Callers with another identity try their own source.
   */
  readonly identity: string
  readonly resolve: Effect.Effect<PackageDescriptor, E>
  /**
   * Streams the blob's bytes from `offset` to the end. The source may write the bytes into arrays of `buffers`, or into
   * arrays that it allocates.
   */
  readonly blob: (
    descriptor: PackageDescriptor,
    offset: number,
    buffers?: ReadBuffers
  ) => Stream.Stream<Uint8Array, E>
}
