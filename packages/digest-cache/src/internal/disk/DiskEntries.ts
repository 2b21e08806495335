import { BlobIndex } from "../../BlobIndex.ts"
import { type BlobName, format } from "../../BlobName.ts"
import { charge, type DiskBudget } from "./DiskBudget.ts"
import { FileVersion, type Fingerprint } from "./FileVersion.ts"

/** A package on disk. Mutable: it belongs to one `DiskEntries` and changes as it is used. */
export class DiskEntry {
  readonly name: BlobName
  readonly fileName: string
  /** Undefined until this process opens the file. */
  version: FileVersion | undefined
  /** Milliseconds since the epoch. */
  lastUsed: number
  /** True if `lastUsed` is not on disk yet. */
  unsaved: boolean
  /** The number of responses and fills that hold a file descriptor of it, or are about to open one. */
  holders = 0
  /** True once it is out of the index. Its space is released when the file is unlinked and has no holders. */
  dropped = false
  unlinked = false

  constructor(options: {
    readonly name: BlobName
    readonly lastUsed: number
    /** Given for a file that was just written. */
    readonly version?: FileVersion
  }) {
    this.name = options.name
    this.fileName = format(options.name)
    this.version = options.version
    this.lastUsed = options.lastUsed
    // A file found on disk has its last use there; a new one has only the time of its creation.
    this.unsaved = options.version !== undefined
  }

  get size(): number {
    return this.name.size
  }

  /** Records that its file was changed or replaced. The new version is not verified. */
  replaceVersion(fingerprint: Fingerprint): FileVersion {
    this.version?.supersede()
    return (this.version = new FileVersion(fingerprint))
  }
}

/** The packages on disk in order of their last use. */
export class DiskEntries extends BlobIndex<DiskEntry> {
  readonly #budget: DiskBudget
  #bytes = 0

  constructor(budget: DiskBudget) {
    super()
    this.#budget = budget
  }

  /** The bytes of all packages, without the overhead that the budget charges. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds an entry, whose space must already be charged, as the most recently used. */
  insert(entry: DiskEntry): void {
    this.add(entry)
    this.#bytes += entry.size
  }

  /** Records a use of an entry. `now` is in milliseconds since the epoch. */
  useAt(entry: DiskEntry, now: number): void {
    entry.lastUsed = now
    entry.unsaved = true
    this.use(entry)
  }

  /** Removes an entry from the index. The caller unlinks its file. */
  drop(entry: DiskEntry): void {
    if (!this.remove(entry)) return
    entry.dropped = true
    this.#bytes -= entry.size
  }

  /**
   * The least recently used entries without holders that together free at least `bytes`; undefined if all of them do
   * not free enough.
   */
  victims(bytes: number): ReadonlyArray<DiskEntry> | undefined {
    const victims: Array<DiskEntry> = []
    let freed = 0
    for (const entry of this.all()) {
      if (freed >= bytes) break
      if (entry.holders > 0) continue
      victims.push(entry)
      freed += charge(entry.size)
    }
    return freed >= bytes ? victims : undefined
  }

  /** Puts back a dropped entry whose file could not be unlinked, as the most recently used. */
  restore(entry: DiskEntry): void {
    entry.dropped = false
    this.insert(entry)
  }

  /** Releases an entry's space if its file is unlinked and has no holders. Called after each change of either. */
  settle(entry: DiskEntry): void {
    if (!entry.unlinked || entry.holders > 0) return
    entry.unlinked = false
    this.#budget.release(entry.size)
  }

  /** The entries whose last use is not on disk yet. */
  unsaved(): ReadonlyArray<DiskEntry> {
    return this.all().filter((entry) => entry.unsaved)
  }
}
