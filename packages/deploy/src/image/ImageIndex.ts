import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Architecture } from "./Architecture.ts"

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly architecture: string; readonly os: string }
  readonly annotations?: Readonly<Record<string, string>>
}

interface Index {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly manifests: ReadonlyArray<Descriptor>
  readonly annotations?: Readonly<Record<string, string>>
}

const mediaType = "application/vnd.oci.image.index.v1+json"
const refName = "org.opencontainers.image.ref.name"

/**
 * Adds an OCI index to the image layout at `layout`, and returns the index's digest. The index has the tag `tag` and
 * lists the images that have the given `tags`. Afterwards, index.json lists only this index. Equal images give an equal
 * index. Throws if the layout has no image with one of the tags.
 * Source: OCI image specification, image-layout and image-index.
 */
export const writeIndex = (
  layout: string,
  tag: string,
  tags: Readonly<Partial<Record<Architecture, string>>>,
  annotations: Readonly<Record<string, string>>
): string => {
  const file = join(layout, "index.json")
  const { manifests } = JSON.parse(readFileSync(file, "utf8")) as Index
  const index: Index = {
    schemaVersion: 2,
    mediaType,
    manifests: Object.entries(tags)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([architecture, tag]) => {
        const found = manifests.find(({ annotations }) => annotations?.[refName] === tag)
        if (found === undefined) throw new Error(`${layout} has no image ${tag}`)
        const { digest, mediaType, size } = found
        return { mediaType, digest, size, platform: { architecture, os: "linux" } }
      }),
    annotations
  }
  const bytes = Buffer.from(JSON.stringify(index))
  const hex = createHash("sha256").update(bytes).digest("hex")
  writeFileSync(join(layout, "blobs/sha256", hex), bytes)
  const top: Index = {
    schemaVersion: 2,
    manifests: [{ mediaType, digest: `sha256:${hex}`, size: bytes.length, annotations: { [refName]: tag } }]
  }
  writeFileSync(file, JSON.stringify(top))
  return `sha256:${hex}`
}
