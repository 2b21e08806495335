import { BlobIndex } from "../../BlobIndex.ts"
import { type BlobName, format } from "../../BlobName.ts"
import { charge, type DiskBudget } from "./DiskBudget.ts"
import { FileVersion, type Fingerprint } from "./FileVersion.ts"

/** One package on disk. Mutable: it lives in one `Entries` and changes as it is used. */
export class Entry {
  readonly name: BlobName
  readonly fileName: string
  /** The file as it was last seen; undefined where this process has not looked at it yet. */
  version: FileVersion | undefined
  /** Milliseconds since the epoch. */
  lastUsed: number
  /** `lastUsed` is not on disk yet. */
  unsaved: boolean
  /** Responses and fills that hold a descriptor of it, or are about to. */
  users = 0
  /** No longer found by anyone; its space comes back once the file is unlinked and nobody holds it. */
  dropped = false
  unlinked = false

  constructor(options: {
    readonly name: BlobName
    readonly lastUsed: number
    /** Of a file that was just written. */
    readonly version?: FileVersion
  }) {
    this.name = options.name
    this.fileName = format(options.name)
    this.version = options.version
    this.lastUsed = options.lastUsed
    // What was found on disk has it there; what was just written has the time of its creation.
    this.unsaved = options.version !== undefined
  }

  get size(): number {
    return this.name.size
  }

  /** Takes note that its file is another by now, or has changed: nothing that was known of its bytes holds any more. */
  replaceVersion(present: Fingerprint): FileVersion {
    this.version?.supersede()
    return (this.version = new FileVersion(present))
  }
}

/** The entries in order of their last use, and what they count for. */
export class Entries extends BlobIndex<Entry> {
  readonly #budget: DiskBudget
  #bytes = 0

  constructor(budget: DiskBudget) {
    super()
    this.#budget = budget
  }

  /** The bytes of all packages kept, as they are, not as they count. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds an entry whose space is charged already; it counts as used just now. */
  insert(entry: Entry): void {
    this.add(entry)
    this.#bytes += entry.size
  }

  /** Notes when an entry was used. */
  useAt(entry: Entry, now: number): void {
    entry.lastUsed = now
    entry.unsaved = true
    this.use(entry)
  }

  /** Takes an entry out, so that nobody finds it any more; its file is the caller's to unlink. */
  drop(entry: Entry): void {
    if (!this.remove(entry)) return
    entry.dropped = true
    this.#bytes -= entry.size
  }

  /**
   * The least recently used entries that nobody holds and that free at least `bytes` together; undefined where all of
   * them would not.
   */
  victims(bytes: number): ReadonlyArray<Entry> | undefined {
    const victims: Array<Entry> = []
    let freed = 0
    for (const entry of this.all()) {
      if (freed >= bytes) break
      if (entry.users > 0) continue
      victims.push(entry)
      freed += charge(entry.size)
    }
    return freed >= bytes ? victims : undefined
  }

  /** Takes back an entry that was dropped but whose file could not be unlinked; it counts as used just now. */
  restore(entry: Entry): void {
    entry.dropped = false
    this.insert(entry)
  }

  /** Gives an entry's space back if its file is gone and nobody holds it. Called after each change of either. */
  settle(entry: Entry): void {
    if (!entry.unlinked || entry.users > 0) return
    entry.unlinked = false
    this.#budget.release(entry.size)
  }

  /** The entries whose last use is not on disk yet. */
  unsaved(): ReadonlyArray<Entry> {
    return this.all().filter((entry) => entry.unsaved)
  }
}
