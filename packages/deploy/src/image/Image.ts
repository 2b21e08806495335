import { cpSync, linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Architecture } from "./Architecture.ts"
import type { Buildah } from "./Buildah.ts"

/** The path of the Dockerfile. It determines the files, the user and the entrypoint of the image. */
export const dockerfile = fileURLToPath(new URL("../../Dockerfile", import.meta.url))

/** The version of the source code from which images are built. All images of one build have the same version. */
export interface SourceVersion {
  readonly version: string
  readonly commit: string
  /**
   * The creation time of the images, in seconds since 1970. It is also the modification time of the files that a build
   * adds to an image.
   */
  readonly time: number
}

export interface ImageOptions {
  readonly architecture: Architecture
  /** The reference of the base image. The base image is in buildah's store or in a registry. */
  readonly base: string
  readonly executable: string
  /** The directory with the licences of all software in the executable. */
  readonly licences: string
  readonly source: SourceVersion
}

/** Returns the OCI annotations of the images and their index. Source: OCI image specification, annotations. */
export const annotations = ({ commit, time, version }: SourceVersion): Readonly<Record<string, string>> => ({
  "org.opencontainers.image.created": new Date(time * 1000).toISOString().replace(".000Z", "Z"),
  "org.opencontainers.image.description":
    "A caching proxy that hands out registry packages to nodes of a cluster",
  "org.opencontainers.image.licenses": "Apache-2.0",
  "org.opencontainers.image.revision": commit,
  "org.opencontainers.image.title": "registry-packages-proxy",
  "org.opencontainers.image.version": version
})

/**
 * Builds the image for one architecture, and stores it in buildah's store as `name`. Temporary files are below `work`.
 */
export const build = async (
  buildah: Buildah,
  work: string,
  name: string,
  options: ImageOptions
): Promise<void> => {
  const { architecture, base, executable, licences, source } = options
  mkdirSync(work, { recursive: true })
  const context = mkdtempSync(join(work, "context-"))
  try {
    linkSync(executable, join(context, "registry-packages-proxy"))
    cpSync(licences, join(context, "licences"), { recursive: true })
    const all = Object.entries(annotations(source)).map(([key, value]) => `${key}=${value}`)
    await buildah.run(
      "build",
      "--quiet",
      "--isolation=chroot",
      "--format=oci",
      "--os=linux",
      `--arch=${architecture}`,
      `--timestamp=${source.time}`,
      "--identity-label=false",
      ...all.flatMap((annotation) => ["--annotation", annotation, "--label", annotation]),
      `--build-arg=BASE=${base}`,
      `--tag=${name}`,
      `--file=${dockerfile}`,
      context
    )
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}
