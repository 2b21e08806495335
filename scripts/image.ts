/**
 * Builds an image with the executables of `npm run build -- --arch amd64,arm64`. Usage: `image.ts --out DIR [--base
 * REFERENCE]`. Writes an OCI image layout with one index into DIR. The default base is made from Debian packages.
 * Requires buildah. The default base also requires apt-get and dpkg-deb.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { type Architecture, architectures } from "../packages/deploy/src/image/Architecture.ts"
import * as Buildah from "../packages/deploy/src/image/Buildah.ts"
import * as ImageLayout from "../packages/deploy/src/image/ImageLayout.ts"
import { executablePath } from "./build/BuildOutput.ts"
import * as Source from "./build/Source.ts"

const root = resolve(import.meta.dirname, "..")
const { values } = parseArgs({
  options: { out: { type: "string" }, base: { type: "string" }, version: { type: "string" } }
})

const make = async (): Promise<void> => {
  if (values.out === undefined)
    throw new Error("--out is missing; accepted: the directory to write the image to")
  const found = architectures.flatMap((architecture): ReadonlyArray<readonly [Architecture, string]> => {
    const file = executablePath(root, architecture)
    return existsSync(file) ? [[architecture, file]] : []
  })
  if (found.length === 0) throw new Error("there is no executable: run npm run build -- --arch amd64,arm64")
  const work = mkdtempSync(join(tmpdir(), "registry-packages-proxy-image-"))
  try {
    const { digest } = await ImageLayout.make(Buildah.make(join(work, "buildah")), {
      layout: resolve(values.out),
      workDirectory: work,
      executables: Object.fromEntries(found),
      licences: join(root, "packages/proxy/dist/licences"),
      source: Source.read(root, values),
      base: values.base
    })
    console.log(`${digest}  ${values.out} (${found.map(([architecture]) => architecture).join(", ")})`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

await make().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
