const block = 4096

// The cache's own two directories, and the growth of a directory for each file in it.
const directories = 2 * block
const directoryEntry = 512

/** The bytes that a file of `size` bytes counts against the cap: whole 4 KiB blocks and its directory entry. */
export const charge = (size: number): number => Math.ceil(size / block) * block + directoryEntry

/**
 * Counts bytes on disk and bytes reserved for writes against a hard cap. Space is charged before a byte is written and
 * released once the file is unlinked and no descriptor holds it.
 */
export class DiskBudget {
  readonly cap: number
  #fixed = directories
  #charged = directories

  constructor(cap: number) {
    this.cap = cap
  }

  get charged(): number {
    return this.#charged
  }

  /** Bytes that may still be charged. Negative if the directory held more than the cap at start. */
  get free(): number {
    return this.cap - this.#charged
  }

  /** True if a file of this size would fit into an otherwise empty cache. */
  admits(size: number): boolean {
    return this.#fixed + charge(size) <= this.cap
  }

  /** The bytes that must be released before a file of this size can be charged. */
  shortage(size: number): number {
    return Math.max(0, charge(size) - this.free)
  }

  /** Charges a file if it fits now. */
  tryCharge(size: number): boolean {
    if (charge(size) > this.free) return false
    this.#charged += charge(size)
    return true
  }

  /** Charges a file found on disk, even if the sum then exceeds the cap. */
  chargeFound(size: number): void {
    this.#charged += charge(size)
  }

  /** Charges a file of others permanently. The cache never removes it. */
  chargeForeign(size: number): void {
    this.#fixed += charge(size)
    this.#charged += charge(size)
  }

  release(size: number): void {
    this.#charged -= charge(size)
  }
}
