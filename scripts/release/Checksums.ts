import { createHash } from "node:crypto"
import { globSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Writes the checksums of all files below `directory` into SHA256SUMS, in the format of `sha256sum --check`. */
export const writeChecksums = (directory: string): void => {
  const files = globSync("**/*", { cwd: directory })
    .filter((file) => statSync(join(directory, file)).isFile() && file !== "SHA256SUMS")
    .toSorted()
  const lines = files.map((file) => {
    const sha256 = createHash("sha256")
      .update(readFileSync(join(directory, file)))
      .digest("hex")
    return `${sha256}  ${file}\n`
  })
  writeFileSync(join(directory, "SHA256SUMS"), lines.join(""))
}
