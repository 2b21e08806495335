const block = 4096

// The space of the cache's two directories, and the growth of a directory for each file in it, in bytes.
const directories = 2 * block
const directoryEntry = 512

/**
 * Returns the number of bytes that a file of `size` bytes is assumed to use on disk. This is the size in whole blocks
 * of 4 KiB, plus 512 bytes for the directory entry.
 */
export const chargedSize = (size: number): number => Math.ceil(size / block) * block + directoryEntry

/**
 * Counts the disk space that the cache directory uses, in bytes, and compares it with `cap`. The space of a file is
 * counted before its first byte is written. It is released when the file is unlinked and no longer open.
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

  /** The number of bytes of the cap that remain for new files. Negative if the files found at start exceed the cap. */
  get free(): number {
    return this.cap - this.#charged
  }

  /** True if a file of `size` bytes would fit into an otherwise empty cache. */
  admits(size: number): boolean {
    return this.#fixed + chargedSize(size) <= this.cap
  }

  /** Returns the number of bytes that must be released to make room for a file of `size` bytes. */
  shortage(size: number): number {
    return Math.max(0, chargedSize(size) - this.free)
  }

  /**
   * Adds the space of a file of `size` bytes to `charged`, and returns true. If `charged` would then exceed `cap`, adds
   * nothing and returns false.
   */
  tryCharge(size: number): boolean {
    if (chargedSize(size) > this.free) return false
    this.#charged += chargedSize(size)
    return true
  }

  /** Counts a file that was found on disk at start as used space. The used space may then exceed the cap. */
  chargeFound(size: number): void {
    this.#charged += chargedSize(size)
  }

  /**
   * Counts a file that the cache did not create as used space. The space stays in use, because the cache never removes
   * the file.
   */
  chargeForeign(size: number): void {
    this.#fixed += chargedSize(size)
    this.#charged += chargedSize(size)
  }

  release(size: number): void {
    this.#charged -= chargedSize(size)
  }
}
