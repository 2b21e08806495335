import type { StoredBlob } from "./Blob.ts"
import type { BlobName } from "./BlobName.ts"
import type { PackageKey } from "./PackageKey.ts"
import { Option } from "effect"

/** The map key of a name: the digest of a manifest, or the digest of an index with a platform. */
const keyOf = (name: Pick<BlobName, "manifestDigest" | "platform">): string =>
  Option.match(name.platform, {
    onNone: () => name.manifestDigest,
    onSome: (platform) => `${name.manifestDigest}@${platform}`
  })

/** An in-memory index of blobs by key, in order of their last use. For stores to build on. */
export class BlobIndex<Blob extends StoredBlob> {
  // A Map keeps insertion order. A use deletes and inserts again, so the first entry is the least recently used.
  readonly #byKey = new Map<string, Blob>()
  // Many clients ask for the same package in a row: its uses after the first change no order.
  #newest: Blob | undefined

  get count(): number {
    return this.#byKey.size
  }

  find(key: PackageKey): Blob | undefined {
    return this.#byKey.get(key.manifestDigest) ?? this.#byKey.get(`${key.manifestDigest}@${key.platform}`)
  }

  /** Returns the blob with the key of `name`. The other parts of its own name may differ. */
  named(name: BlobName): Blob | undefined {
    return this.#byKey.get(keyOf(name))
  }

  /** The blob itself, if it is still in the index. */
  current(blob: StoredBlob): Blob | undefined {
    const named = this.named(blob.name)
    return named === blob ? named : undefined
  }

  /** All blobs, the least recently used first. */
  all(): ReadonlyArray<Blob> {
    return [...this.#byKey.values()]
  }

  /** The names of all blobs, the least recently used first. */
  names(): ReadonlyArray<BlobName> {
    return this.all().map(({ name }) => name)
  }

  /** Adds a blob as the most recently used, in place of the one with its key. */
  add(blob: Blob): void {
    if (blob === this.#newest) return
    const key = keyOf(blob.name)
    this.#byKey.delete(key)
    this.#byKey.set(key, blob)
    this.#newest = blob
  }

  use(blob: StoredBlob): void {
    const current = this.current(blob)
    if (current !== undefined) this.add(current)
  }

  /** Records a use of the blob with this key, if there is one. */
  touch(key: PackageKey): void {
    const blob = this.find(key)
    if (blob !== undefined) this.add(blob)
  }

  /** Removes a blob. False if it was already removed or replaced. */
  remove(blob: StoredBlob): boolean {
    if (this.current(blob) === undefined) return false
    if (blob === this.#newest) this.#newest = undefined
    return this.#byKey.delete(keyOf(blob.name))
  }
}
