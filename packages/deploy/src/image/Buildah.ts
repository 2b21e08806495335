import { join } from "node:path"
import { run } from "./RunCommand.ts"

/** buildah without a daemon and namespaces, with a store of its own. */
export interface Buildah {
  /** Runs a buildah command and gives its output. */
  readonly run: (...args: ReadonlyArray<string>) => Promise<string>
  /** Makes an image of one layer from the files below `root`. */
  readonly fromFiles: (
    name: string,
    root: string,
    options: { readonly architecture: string; readonly time: number }
  ) => Promise<void>
  /** Copies an image into a directory in the OCI image layout. */
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
