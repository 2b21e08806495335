import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { PackageKey } from "../../DigestCache.ts"

/** Packages up to this many bytes are answered from memory and are verified before their headers are sent. */
export const smallPackage = 256 * 1024

/** A whole package in memory. */
export interface ResidentPackage {
  readonly descriptor: PackageDescriptor
  readonly bytes: Uint8Array
}

/** What a package takes beside its bytes; without it, any number of empty ones would fit. */
const overhead = 512

/** Small verified packages, the most recently used ones, up to a number of bytes. */
export class MemoryTier {
  readonly #byKey = new Map<string, ResidentPackage>()
  readonly #capacity: number
  #bytes = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  find(key: PackageKey): ResidentPackage | undefined {
    return this.#use(key.manifestDigest) ?? this.#use(`${key.manifestDigest}@${key.platform}`)
  }

  /** Keeps a copy of nothing: `bytes` must not change afterwards. */
  insert(key: PackageKey, descriptor: PackageDescriptor, bytes: Uint8Array): void {
    if (bytes.length > smallPackage) return
    const name = descriptor.viaIndex ? `${key.manifestDigest}@${key.platform}` : key.manifestDigest
    this.#delete(name)
    this.#byKey.set(name, { descriptor, bytes })
    this.#bytes += bytes.length + overhead
    for (const oldest of this.#byKey.keys()) {
      if (this.#bytes <= this.#capacity) break
      this.#delete(oldest)
    }
  }

  #use(name: string): ResidentPackage | undefined {
    const resident = this.#byKey.get(name)
    if (resident === undefined) return undefined
    this.#byKey.delete(name)
    this.#byKey.set(name, resident)
    return resident
  }

  #delete(name: string): void {
    const resident = this.#byKey.get(name)
    if (resident === undefined) return
    this.#byKey.delete(name)
    this.#bytes -= resident.bytes.length + overhead
  }
}
