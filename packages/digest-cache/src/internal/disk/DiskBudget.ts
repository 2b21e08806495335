const block = 4096

// What the cache's own two directories take, and an entry's share in a directory that grows with it.
const directories = 2 * block
const directoryEntry = 512

/** What a file of `size` bytes counts for against the cap: whole 4 KiB blocks, and its share of the directory. */
export const charge = (size: number): number => Math.ceil(size / block) * block + directoryEntry

/**
 * Keeps what is on disk, and what may yet be written, below a hard cap. Space is charged before a byte is written and
 * given back once the file is gone and no descriptor holds it.
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

  /** Bytes that may still be charged; negative where a directory was found with more in it than the cap allows. */
  get free(): number {
    return this.cap - this.#charged
  }

  /** Whether a file of this size could be kept if none of the cache's own were. */
  admits(size: number): boolean {
    return this.#fixed + charge(size) <= this.cap
  }

  /** How much must be freed before a file of this size can be charged. */
  shortage(size: number): number {
    return Math.max(0, charge(size) - this.free)
  }

  /** Charges a file if it fits now. */
  tryCharge(size: number): boolean {
    if (charge(size) > this.free) return false
    this.#charged += charge(size)
    return true
  }

  /** Charges a package found on disk, fit or not. */
  chargeFound(size: number): void {
    this.#charged += charge(size)
  }

  /** Charges for good what is on disk and not the cache's to remove. */
  chargeForeign(size: number): void {
    this.#fixed += charge(size)
    this.#charged += charge(size)
  }

  release(size: number): void {
    this.#charged -= charge(size)
  }
}
