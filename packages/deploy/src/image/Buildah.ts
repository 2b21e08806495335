import { join } from "node:path"
import { run } from "./RunCommand.ts"

/** Operations of the program buildah. They use a separate image store, not the user's store. */
export interface Buildah {
  /** Runs a buildah command and returns its standard output, trimmed. Rejects if the command fails. */
  readonly run: (...args: ReadonlyArray<string>) => Promise<string>
  /**
   * Creates the image `name` with one layer, which contains the files below `root`. `time` is the time of the image and
   * its files, in seconds since 1970.
   */
  readonly fromFiles: (
    name: string,
    root: string,
    options: { readonly architecture: string; readonly time: number }
  ) => Promise<void>
  /** Copies the image `name` into the OCI image layout at the path `layout`, with the tag `tag`. */
  readonly push: (name: string, layout: string, tag: string) => Promise<void>
  /** Mounts an image and returns the path of its root file system. */
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
