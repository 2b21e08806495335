import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"

/** The version and the commit that a build is made from. */
export interface SourceVersion {
  readonly version: string
  /**
   * The hash of the commit, with the suffix `+changes` if the checkout has uncommitted changes. `unknown` without git.
   */
  readonly commit: string
  /** The time of the commit, in seconds since 1970. The files of an image have this time. 0 without git. */
  readonly time: number
}

const git = (root: string, ...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync("git", ["-C", root, ...args], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

/** Returns the version, commit and time of the checkout at `root`. The values in `given` take precedence. */
export const read = (
  root: string,
  given: { readonly [Name in keyof SourceVersion]?: string | undefined } = {}
): SourceVersion => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }
  const [hash, time] = git(root, "show", "--no-patch", "--format=%H %ct", "HEAD")?.split(" ") ?? []
  const changes = hash === undefined ? "" : git(root, "status", "--porcelain")
  const commit = hash === undefined ? "unknown" : changes === "" ? hash : `${hash}+changes`
  return {
    version: given.version ?? manifest.version,
    commit: given.commit ?? commit,
    time: Number(given.time ?? time ?? 0)
  }
}
