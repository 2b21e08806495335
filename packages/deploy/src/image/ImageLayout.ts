import { join } from "node:path"
import type { Architecture } from "./Architecture.ts"
import type { Buildah } from "./Buildah.ts"
import * as DebianBase from "./DebianBase.ts"
import * as Image from "./Image.ts"
import * as ImageIndex from "./ImageIndex.ts"

export interface LayoutOptions {
  /** The path of the OCI image layout that is written. */
  readonly layout: string
  /** The path of the directory for temporary files. */
  readonly workDirectory: string
  readonly executables: Readonly<Partial<Record<Architecture, string>>>
  readonly licences: string
  readonly source: Image.SourceVersion
  /**
   * The reference of the base image for all architectures. By default, `DebianBase` makes a base image for each
   * architecture.
   */
  readonly base?: string | undefined
}

export interface WrittenLayout {
  /** The digest of the index that lists the images. */
  readonly digest: string
  /** The name of each architecture's image in buildah's store. */
  readonly imageNames: Readonly<Partial<Record<Architecture, string>>>
  /** The Debian packages from which the images contain files. Empty if `LayoutOptions.base` is set. */
  readonly debianPackages: ReadonlyArray<DebianBase.DebianPackage>
}

/**
 * Builds an image for each of the `executables`, and writes all images into an OCI image layout. An index in this
 * layout lists the images and has the version as its tag.
 */
export const make = async (buildah: Buildah, options: LayoutOptions): Promise<WrittenLayout> => {
  const { base, executables, layout, licences, source, workDirectory: work } = options
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
  return {
    digest: ImageIndex.writeIndex(layout, version, tags, Image.annotations(source)),
    imageNames: names,
    debianPackages: debian
  }
}
