import { join } from "node:path"
import { run } from "./RunCommand.ts"

/** Runs buildah with an image store of its own. */
export interface Buildah {
  /** Runs a buildah command and returns its standard output, trimmed. */
  readonly run: (...args: ReadonlyArray<string>) => Promise<string>
  /** Makes an image with one layer from the files below `root`. `time` is in seconds since 1970. */
  readonly fromFiles: (
    name: string,
    root: string,
    options: { readonly architecture: string; readonly time: number }
  ) => Promise<void>
  /** Copies an image into the OCI image layout at the path `layout`, with a tag. */
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
