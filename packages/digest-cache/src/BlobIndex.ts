import type { StoredBlob } from "./Blob.ts"
import type { BlobName } from "./BlobName.ts"
import type { PackageKey } from "./PackageKey.ts"
import { Option } from "effect"

/**
 * Returns the map key for the name of a blob. The key is `manifestDigest`. If the name has a platform, the key is
 * `<manifestDigest>@<platform>`.
 */
const keyOf = (name: Pick<BlobName, "manifestDigest" | "platform">): string =>
  Option.match(name.platform, {
    onNone: () => name.manifestDigest,
    onSome: (platform) => `${name.manifestDigest}@${platform}`
  })

/** An in-memory index of blobs by key, in order of last use. Implementations of `BlobStore` can use this index. */
export class BlobIndex<Blob extends StoredBlob> {
  // A Map keeps insertion order. Each use deletes the entry and inserts it again, so the first entry is the least
  // recently used.
  readonly #byKey = new Map<string, Blob>()
  // The most recently used blob. Another use of this blob does not change the order, so `add` returns early. Clients
  // often request one package many times in a row.
  #newest: Blob | undefined

  get count(): number {
    return this.#byKey.size
  }

  find(key: PackageKey): Blob | undefined {
    return this.#byKey.get(key.manifestDigest) ?? this.#byKey.get(`${key.manifestDigest}@${key.platform}`)
  }

  /**
   * Returns the blob that has the same key as `name`, or undefined. The blob's layer digest, size and compression may
   * differ from `name`.
   */
  findByName(name: BlobName): Blob | undefined {
    return this.#byKey.get(keyOf(name))
  }

  /** Returns `blob` if the index still contains this object. Undefined if the blob was removed or replaced. */
  current(blob: StoredBlob): Blob | undefined {
    const named = this.findByName(blob.name)
    return named === blob ? named : undefined
  }

  /** Returns all blobs in order of last use, the least recently used blob first. */
  all(): ReadonlyArray<Blob> {
    return [...this.#byKey.values()]
  }

  /** Returns the names of all blobs in order of last use, the least recently used blob first. */
  names(): ReadonlyArray<BlobName> {
    return this.all().map(({ name }) => name)
  }

  /** Adds a blob as the most recently used blob. Replaces a blob with the same key. */
  add(blob: Blob): void {
    if (blob === this.#newest) return
    const key = keyOf(blob.name)
    this.#byKey.delete(key)
    this.#byKey.set(key, blob)
    this.#newest = blob
  }

  /** Records a use of a blob. Does nothing if the blob was removed or replaced. */
  touchBlob(blob: StoredBlob): void {
    const current = this.current(blob)
    if (current !== undefined) this.add(current)
  }

  /** Records a use of the blob with this key. Does nothing if the index has no such blob. */
  touch(key: PackageKey): void {
    const blob = this.find(key)
    if (blob !== undefined) this.add(blob)
  }

  /** Removes a blob. Returns false if the blob was already removed or replaced. */
  remove(blob: StoredBlob): boolean {
    if (this.current(blob) === undefined) return false
    if (blob === this.#newest) this.#newest = undefined
    return this.#byKey.delete(keyOf(blob.name))
  }
}
