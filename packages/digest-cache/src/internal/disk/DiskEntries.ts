import { BlobIndex } from "../../BlobIndex.ts"
import { type BlobName, format } from "../../BlobName.ts"
import { chargedSize, type DiskBudget } from "./DiskBudget.ts"
import { FileVersion, type Fingerprint } from "./FileVersion.ts"

/** A package on disk. Mutable, because each use of the package changes the entry. */
export class DiskEntry {
  readonly name: BlobName
  readonly fileName: string
  /** Undefined if this process has neither written nor opened the file yet. */
  version: FileVersion | undefined
  /** The time of the last use, in milliseconds since the epoch. */
  lastUsed: number
  /** True if `lastUsed` is not yet saved as the access time of the file. */
  unsaved: boolean
  /** The number of responses and fills that have the file open or are about to open it. */
  holders = 0
  /**
   * True if the entry was removed from the index. The entry's space is released when the file is unlinked and `holders`
   * is 0.
   */
  dropped = false
  unlinked = false

  constructor(options: {
    readonly name: BlobName
    readonly lastUsed: number
    /** Present for a file that this process has written. */
    readonly version?: FileVersion
  }) {
    this.name = options.name
    this.fileName = format(options.name)
    this.version = options.version
    this.lastUsed = options.lastUsed
    // The last use of a file found on disk is already saved. The last use of a new file is not.
    this.unsaved = options.version !== undefined
  }

  get size(): number {
    return this.name.size
  }

  /**
   * Sets a new version, and marks the previous version as replaced. Call this when the file is opened for the first
   * time, or when the file has changed. The bytes of the new version are not verified yet.
   */
  replaceVersion(fingerprint: Fingerprint): FileVersion {
    this.version?.supersede()
    return (this.version = new FileVersion(fingerprint))
  }
}

/** The packages on disk, in order of last use. */
export class DiskEntries extends BlobIndex<DiskEntry> {
  readonly #budget: DiskBudget
  #bytes = 0

  constructor(budget: DiskBudget) {
    super()
    this.#budget = budget
  }

  /**
   * The total size of all packages in bytes. Does not include the overhead that {@link chargedSize} adds for each file.
   */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Adds an entry as the most recently used entry. Call this only after the {@link DiskBudget} has counted the space of
   * the entry's file.
   */
  insert(entry: DiskEntry): void {
    this.add(entry)
    this.#bytes += entry.size
  }

  /** Records a use of an entry. `now` is in milliseconds since the epoch. */
  touchAt(entry: DiskEntry, now: number): void {
    entry.lastUsed = now
    entry.unsaved = true
    this.touchBlob(entry)
  }

  /** Removes an entry from the index. The caller must unlink its file. */
  drop(entry: DiskEntry): void {
    if (!this.remove(entry)) return
    entry.dropped = true
    this.#bytes -= entry.size
  }

  /**
   * Returns enough entries to free at least `bytes` bytes, the least recently used entry first. Considers only entries
   * whose `holders` is 0. Undefined if these entries together free fewer bytes.
   */
  victims(bytes: number): ReadonlyArray<DiskEntry> | undefined {
    const victims: Array<DiskEntry> = []
    let freed = 0
    for (const entry of this.all()) {
      if (freed >= bytes) break
      if (entry.holders > 0) continue
      victims.push(entry)
      freed += chargedSize(entry.size)
    }
    return freed >= bytes ? victims : undefined
  }

  /** Adds a dropped entry again, as the most recently used entry, because its file could not be unlinked. */
  restore(entry: DiskEntry): void {
    entry.dropped = false
    this.insert(entry)
  }

  /**
   * Releases an entry's space if its file is unlinked and has no holders. Call this after each change of `unlinked` or
   * `holders`.
   */
  releaseIfUnused(entry: DiskEntry): void {
    if (!entry.unlinked || entry.holders > 0) return
    entry.unlinked = false
    this.#budget.release(entry.size)
  }

  /** Returns the entries whose `lastUsed` is not yet saved as the access time of the file. */
  unsaved(): ReadonlyArray<DiskEntry> {
    return this.all().filter((entry) => entry.unsaved)
  }
}
