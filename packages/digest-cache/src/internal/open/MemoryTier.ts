import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { PackageKey } from "../../PackageKey.ts"

/** The most bytes of a package that is kept in memory. Such packages are verified before their headers are sent. */
export const maxInMemorySize = 256 * 1024

/** A whole package in memory. */
export interface PackageInMemory {
  readonly descriptor: PackageDescriptor
  readonly bytes: Uint8Array
}

/** Bytes charged for a package beside its own; without them, any number of empty packages would fit. */
const overhead = 512

/** The most recently used small packages, verified, up to a number of bytes. */
export class MemoryTier {
  readonly #byKey = new Map<string, PackageInMemory>()
  readonly #maxBytes: number
  // Many clients ask for the same package in a row: its uses after the first change no order.
  #newest: PackageInMemory | undefined
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  find(key: PackageKey): PackageInMemory | undefined {
    return this.#use(key.manifestDigest) ?? this.#use(`${key.manifestDigest}@${key.platform}`)
  }

  /** Stores `bytes` without copying: they must not change afterwards. */
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
