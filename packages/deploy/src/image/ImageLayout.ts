import { join } from "node:path"
import type { Architecture } from "./Architecture.ts"
import type { Buildah } from "./Buildah.ts"
import * as DebianBase from "./DebianBase.ts"
import * as Image from "./Image.ts"
import * as ImageIndex from "./ImageIndex.ts"

export interface LayoutOptions {
  /** The path of the folder in OCI image layout. */
  readonly layout: string
  /** Directory for temporary files. */
  readonly work: string
  readonly executables: Readonly<Partial<Record<Architecture, string>>>
  readonly licences: string
  readonly source: Image.Source
  /** The base image for all architectures; default: one made from Debian packages. */
  readonly base?: string | undefined
}

export interface Layout {
  /** Digest of the index. */
  readonly digest: string
  /** The name of each architecture's image in buildah. */
  readonly names: Readonly<Partial<Record<Architecture, string>>>
  /** The Debian packages in the images, if the base was made from them. */
  readonly debian: ReadonlyArray<DebianBase.DebianPackage>
}

/** Builds the images, and an index with the version as its tag. */
export const make = async (buildah: Buildah, options: LayoutOptions): Promise<Layout> => {
  const { base, executables, layout, licences, source, work } = options
  const { time, version } = source
  const names: Partial<Record<Architecture, string>> = {}
  const tags: Partial<Record<Architecture, string>> = {}
  const debian: Array<DebianBase.DebianPackage> = []
  for (const architecture of ["amd64", "arm64"] as const) {
    const executable = executables[architecture]
    if (executable === undefined) continue
    const own = `localhost/base:${architecture}`
    if (base === undefined) {
      const { packages, root } = await DebianBase.make(architecture, join(work, architecture))
      await buildah.fromFiles(own, root, { architecture, time })
      debian.push(...packages)
    }
    const name = `localhost/registry-packages-proxy:${architecture}`
    await Image.build(buildah, work, name, { architecture, base: base ?? own, executable, licences, source })
    await buildah.push(name, layout, architecture)
    names[architecture] = name
    tags[architecture] = architecture
  }
  return { digest: ImageIndex.combine(layout, version, tags, Image.annotations(source)), names, debian }
}
