import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { PackageKey } from "../../PackageKey.ts"

/**
 * The maximum size of one package in memory, in bytes. A package of this size or less is verified before the response
 * begins.
 */
export const maxInMemorySize = 256 * 1024

/** A whole package in memory. */
export interface PackageInMemory {
  readonly descriptor: PackageDescriptor
  readonly bytes: Uint8Array
}

/**
 * The number of bytes that is added to the size of each package when the total size is computed. Without this overhead,
 * the total size of empty packages would be 0, and their number would have no limit.
 */
const overhead = 512

/** Verified small packages in memory. Evicts the least recently used packages when the total size exceeds a maximum. */
export class MemoryTier {
  readonly #byKey = new Map<string, PackageInMemory>()
  readonly #maxBytes: number
  // The most recently used package. Another use of this package does not change the order. Clients often request one
  // package many times in a row.
  #newest: PackageInMemory | undefined
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  find(key: PackageKey): PackageInMemory | undefined {
    return this.#use(key.manifestDigest) ?? this.#use(`${key.manifestDigest}@${key.platform}`)
  }

  /**
   * Adds a package of at most `maxInMemorySize` bytes. Ignores a larger package. Does not copy `bytes`, so the caller
   * must not change them afterwards.
   */
  insert(key: PackageKey, descriptor: PackageDescriptor, bytes: Uint8Array): void {
    if (bytes.length > maxInMemorySize) return
    const name = descriptor.viaIndex ? `${key.manifestDigest}@${key.platform}` : key.manifestDigest
    this.#delete(name)
    this.#newest = { descriptor, bytes }
    this.#byKey.set(name, this.#newest)
    this.#bytes += bytes.length + overhead
    for (const oldest of this.#byKey.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#delete(oldest)
    }
  }

  #use(name: string): PackageInMemory | undefined {
    const inMemory = this.#byKey.get(name)
    if (inMemory === undefined || inMemory === this.#newest) return inMemory
    this.#byKey.delete(name)
    this.#byKey.set(name, inMemory)
    this.#newest = inMemory
    return inMemory
  }

  #delete(name: string): void {
    const inMemory = this.#byKey.get(name)
    if (inMemory === undefined) return
    if (inMemory === this.#newest) this.#newest = undefined
    this.#byKey.delete(name)
    this.#bytes -= inMemory.bytes.length + overhead
  }
}
