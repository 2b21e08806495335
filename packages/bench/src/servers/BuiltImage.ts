import type { Architecture } from "@registry-packages-proxy/deploy/image/Architecture"
import * as Buildah from "@registry-packages-proxy/deploy/image/Buildah"
import * as ImageLayout from "@registry-packages-proxy/deploy/image/ImageLayout"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** Where the files of the image are, or why there is none. */
export type Found = { readonly root: string } | { readonly missing: string }

const licences = fileURLToPath(new URL("../../../proxy/dist/licences", import.meta.url))

/** What makes an image, and what runs it as a container runtime does. */
const needed = ["buildah", "apt-get", "dpkg-deb", "unshare"]

/** Makes the image of the executable that was taken to `work`, from Debian's packages. */
export const make = (work: string): Effect.Effect<Found> => {
  const absent = needed.filter((name) => spawnSync("which", [name]).status !== 0)
  if (absent.length > 0) return Effect.succeed({ missing: `no image, left out: needs ${absent.join(", ")}` })
  if (process.getuid?.() !== 0) return Effect.succeed({ missing: "no image, left out: needs root" })
  const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64"
  return Effect.tryPromise(async () => {
    const buildah = Buildah.make(join(work, "buildah"))
    const { names } = await ImageLayout.make(buildah, {
      layout: join(work, "image"),
      work: join(work, "image-parts"),
      executables: { [architecture]: join(work, "registry-packages-proxy") },
      licences,
      source: { version: "0.0.0", commit: "unknown", time: 0 }
    })
    return { root: await buildah.mount(names[architecture] ?? "") }
  }).pipe(Effect.catch(({ cause }) => Effect.succeed({ missing: `no image, left out: ${String(cause)}` })))
}
