import { join } from "node:path"
import { run } from "./Run.ts"

/** buildah without a daemon and without namespaces, its images in a folder of their own. */
export interface Buildah {
  /** Runs one of its commands and gives the output. */
  readonly run: (...args: ReadonlyArray<string>) => Promise<string>
  /** Makes `name` an image of one layer with the files below `root`. */
  readonly fromFiles: (
    name: string,
    root: string,
    options: { readonly architecture: string; readonly time: number }
  ) => Promise<void>
  /** Copies an image into a folder in the OCI image layout. */
  readonly push: (name: string, layout: string, tag: string) => Promise<void>
  /** The path at which an image's files can be read. */
  readonly mount: (name: string) => Promise<string>
}

export const make = (directory: string): Buildah => {
  const store = ["--root", join(directory, "store"), "--runroot", join(directory, "run")]
  const buildah = (...args: ReadonlyArray<string>) =>
    run("buildah", [...store, "--storage-driver", "vfs", ...args], {
      env: { PATH: process.getBuiltinModule("node:process").env["PATH"], HOME: directory, TMPDIR: directory }
    })
  return {
    run: buildah,
    fromFiles: async (name, root, { architecture, time }) => {
      const container = await buildah("from", "--arch", architecture, "scratch")
      await buildah("copy", "--quiet", "--chown", "0:0", container, root, "/")
      await buildah("config", "--os", "linux", "--arch", architecture, container)
      await buildah(
        "commit",
        "--quiet",
        "--rm",
        "--identity-label=false",
        `--timestamp=${time}`,
        container,
        name
      )
    },
    push: async (name, layout, tag) => {
      await buildah("push", "--quiet", "--format=oci", name, `oci:${layout}:${tag}`)
    },
    mount: async (name) => {
      const container = await buildah("from", name)
      return buildah("mount", container)
    }
  }
}
