import type { Architecture } from "@registry-packages-proxy/deploy/image/Architecture"
import * as Buildah from "@registry-packages-proxy/deploy/image/Buildah"
import * as ImageLayout from "@registry-packages-proxy/deploy/image/ImageLayout"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** `root` is the directory with the image's files. `missing` is the reason why there is no image. */
export type ImageAvailability = { readonly root: string } | { readonly missing: string }

const licences = fileURLToPath(new URL("../../../proxy/dist/licences", import.meta.url))

/** Programs that are required to build the image and to start its executable as a container runtime would. */
const needed = ["buildah", "apt-get", "dpkg-deb", "unshare"]

/**
 * Builds the image of registry-packages-proxy from the executable in `workDirectory`, and mounts it. The base image is
 * made of Debian packages. Returns `missing` if a required program or root rights are missing, or if the build fails.
 */
export const make = (workDirectory: string): Effect.Effect<ImageAvailability> => {
  const absent = needed.filter((name) => spawnSync("which", [name]).status !== 0)
  if (absent.length > 0) return Effect.succeed({ missing: `image skipped: needs ${absent.join(", ")}` })
  if (process.getuid?.() !== 0) return Effect.succeed({ missing: "image skipped: needs root" })
  const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64"
  return Effect.tryPromise(async () => {
    const buildah = Buildah.make(join(workDirectory, "buildah"))
    const { imageNames: names } = await ImageLayout.make(buildah, {
      layout: join(workDirectory, "image"),
      workDirectory: join(workDirectory, "image-parts"),
      executables: { [architecture]: join(workDirectory, "registry-packages-proxy") },
      licences,
      source: { version: "0.0.0", commit: "unknown", time: 0 }
    })
    return { root: await buildah.mount(names[architecture] ?? "") }
  }).pipe(Effect.catch(({ cause }) => Effect.succeed({ missing: `image skipped: ${String(cause)}` })))
}
