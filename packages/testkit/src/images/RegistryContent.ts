import type { RegistryBlob } from "./RegistryBlob.ts"
import type { RegistryImage } from "./RegistryImage.ts"

interface Repository {
  /** Manifests by digest and by tag. */
  readonly manifests: Map<string, RegistryImage>
  readonly blobs: Map<string, RegistryBlob>
}

/** The manifests and blobs of a registry, by repository name. */
export class RegistryContent {
  readonly #repositories = new Map<string, Repository>()

  #repository(name: string): Repository {
    const existing = this.#repositories.get(name)
    if (existing !== undefined) return existing
    const created: Repository = { manifests: new Map(), blobs: new Map() }
    this.#repositories.set(name, created)
    return created
  }

  /** Adds an image or index under its digest and these tags. Also adds its blobs and the children of an index. */
  put(name: string, image: RegistryImage, tags: ReadonlyArray<string>): void {
    const repository = this.#repository(name)
    for (const reference of [image.digest, ...tags]) repository.manifests.set(reference, image)
    for (const blob of image.blobs) repository.blobs.set(blob.digest, blob)
    for (const child of image.children) this.put(name, child, [])
  }

  /** Adds a blob under its digest. Replaces a previous blob of this digest. */
  putBlob(name: string, blob: RegistryBlob): void {
    this.#repository(name).blobs.set(blob.digest, blob)
  }

  /** Removes the manifest or blob with this digest. A removed manifest remains available by its tags. */
  remove(name: string, digest: string): void {
    this.#repositories.get(name)?.manifests.delete(digest)
    this.#repositories.get(name)?.blobs.delete(digest)
  }

  has(name: string): boolean {
    return this.#repositories.has(name)
  }

  manifest(name: string, reference: string): RegistryImage | undefined {
    return this.#repositories.get(name)?.manifests.get(reference)
  }

  blob(name: string, digest: string): RegistryBlob | undefined {
    return this.#repositories.get(name)?.blobs.get(digest)
  }
}
