import type { StoredBlob } from "./Blob.ts"
import type { BlobName } from "./BlobName.ts"
import type { PackageKey } from "./DigestCache.ts"
import { Option } from "effect"

/** The key of a name: a manifest's digest alone, or an index's digest with the platform. */
const keyOf = (name: Pick<BlobName, "manifestDigest" | "platform">): string =>
  Option.match(name.platform, {
    onNone: () => name.manifestDigest,
    onSome: (platform) => `${name.manifestDigest}@${platform}`
  })

/** Blobs by key, in order of their last use: what a store that keeps its index in memory finds them by. */
export class BlobIndex<Blob extends StoredBlob> {
  // A Map keeps insertion order; a use deletes and inserts, so the first is the least recently used.
  readonly #byKey = new Map<string, Blob>()

  get count(): number {
    return this.#byKey.size
  }

  find(key: PackageKey): Blob | undefined {
    return this.#byKey.get(key.manifestDigest) ?? this.#byKey.get(`${key.manifestDigest}@${key.platform}`)
  }

  /** The blob that has the key of this name; its own name may be another. */
  named(name: BlobName): Blob | undefined {
    return this.#byKey.get(keyOf(name))
  }

  /** The blob itself, if it is still in the index. */
  current(blob: StoredBlob): Blob | undefined {
    const named = this.named(blob.name)
    return named === blob ? named : undefined
  }

  /** The least recently used first. */
  all(): ReadonlyArray<Blob> {
    return [...this.#byKey.values()]
  }

  /** The names of all, the least recently used first. */
  names(): ReadonlyArray<BlobName> {
    return this.all().map(({ name }) => name)
  }

  /** Adds a blob in place of the one with its key; it is the most recently used. */
  add(blob: Blob): void {
    this.#byKey.delete(keyOf(blob.name))
    this.#byKey.set(keyOf(blob.name), blob)
  }

  use(blob: StoredBlob): void {
    const current = this.current(blob)
    if (current !== undefined) this.add(current)
  }

  /** Notes a use of the blob that answers a key, if there is one. */
  touch(key: PackageKey): void {
    const blob = this.find(key)
    if (blob !== undefined) this.add(blob)
  }

  /** Removes a blob; false where it was gone, or replaced. */
  remove(blob: StoredBlob): boolean {
    return this.current(blob) !== undefined && this.#byKey.delete(keyOf(blob.name))
  }
}
