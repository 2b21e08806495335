/**
 * Implements `npm run release -- --version X.Y.Z --out DIR [--key FILE]`. Checks, tests and builds the checked-out
 * commit, and writes the files to publish into DIR. docs/releasing.md describes these files and the next steps.
 */
import { execFileSync, spawnSync } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import * as Buildah from "../packages/deploy/src/image/Buildah.ts"
import * as Cosign from "../packages/deploy/src/image/Cosign.ts"
import * as ImageLayout from "../packages/deploy/src/image/ImageLayout.ts"
import * as ImageSignature from "../packages/deploy/src/image/ImageSignature.ts"
import * as BundledPackages from "./build/BundledPackages.ts"
import * as BuildOutput from "./build/BuildOutput.ts"
import * as Sbom from "./build/Sbom.ts"
import * as Source from "./build/Source.ts"
import * as Changelog from "./release/Changelog.ts"
import * as Checksums from "./release/Checksums.ts"
import * as Npm from "./release/Npm.ts"
import * as ReleaseTools from "./release/ReleaseTools.ts"
import * as Tree from "./release/Tree.ts"

const root = resolve(import.meta.dirname, "..")
const name = "registry-packages-proxy"
const { values } = parseArgs({
  options: {
    version: { type: "string" },
    out: { type: "string" },
    key: { type: "string" },
    base: { type: "string" },
    tests: { type: "string", default: "registry,executable,image,packages" }
  }
})

class Refused extends Error {}

const step = (what: string): void => console.log(`== ${what}`)

/** Runs a command and shows its output. Throws `Refused` if the command fails. */
const run = (directory: string, command: string, ...args: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(command, args, {
    cwd: directory,
    stdio: ["ignore", "inherit", "inherit"]
  })
  if (status !== 0)
    throw new Refused(`${command} ${args.join(" ")} failed${error === undefined ? "" : `: ${error.message}`}`)
}

const settings = () => {
  const { base, key, out, tests, version = "" } = values
  if (!/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new Refused(`--version: "${version}" is invalid; accepted: X.Y.Z or X.Y.Z-PRERELEASE`)
  }
  if (out === undefined)
    throw new Refused("--out is missing; accepted: the directory to write the release to")
  const directory = resolve(out)
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new Refused(`--out: ${out} is not empty`)
  if (key !== undefined && !existsSync(key)) throw new Refused(`--key: no such file: ${key}`)
  const changed = Tree.changedFiles(root)
  if (changed.length > 0) {
    throw new Refused(
      `a release is built from a commit, but this checkout has changes:\n${changed.join("\n")}`
    )
  }
  return {
    base,
    key,
    out: directory,
    groups: tests === "none" ? [] : tests.split(","),
    tests: tests !== "none",
    version
  }
}

const make = async (work: string): Promise<void> => {
  const { base, groups, key, out, tests, version } = settings()
  // The release contains no uncommitted files.
  const source = Source.read(root, { version, commit: Tree.currentCommit(root) })
  const day = new Date(source.time * 1000).toISOString().slice(0, 10)
  const changelog = Changelog.withReleaseSection(
    readFileSync(join(root, "docs/CHANGELOG.md"), "utf8"),
    version,
    day
  )
  const tree = join(work, "tree")

  step(`${name} ${version} of commit ${source.commit}`)
  Tree.writeCommittedFiles(root, tree)
  run(tree, "node", "scripts/prepare.cjs")
  if (tests) {
    step("checks and tests")
    run(tree, "npm", "run", "check")
    run(tree, "npm", "test")
  }
  step("build")
  Tree.setVersion(tree, version)
  // prepare.cjs records the changed package.json files. The dependencies have not changed.
  run(tree, "node", "scripts/prepare.cjs")
  const { commit, time } = source
  const origin = [`--version=${version}`, `--commit=${commit}`, `--time=${time}`]
  run(tree, "node_modules/.bin/node", "scripts/build.ts", "--arch=amd64,arm64", ...origin)
  if (tests && groups.length > 0) {
    step(`tests of what was built: ${groups.join(", ")}`)
    run(tree, "node_modules/.bin/node", "packages/e2e/src/main.ts", "--skip-build", ...groups)
  }

  step("image")
  mkdirSync(out, { recursive: true })
  const dist = BuildOutput.outputDirectory(tree)
  const executables = {
    amd64: BuildOutput.executablePath(tree, "amd64"),
    arm64: BuildOutput.executablePath(tree, "arm64")
  }
  const { debianPackages: debian, digest } = await ImageLayout.make(Buildah.make(join(work, "buildah")), {
    layout: join(out, "image"),
    workDirectory: join(work, "image"),
    executables,
    licences: join(dist, "licences"),
    source,
    base
  })

  step("files")
  for (const [architecture, file] of Object.entries(executables)) {
    copyFileSync(file, join(out, `${name}-${version}-linux-${architecture}`))
  }
  copyFileSync(join(dist, "main.js"), join(out, `${name}-${version}.js`))
  copyFileSync(join(dist, "main.js.map"), join(out, `${name}-${version}.js.map`))
  cpSync(join(dist, "licences"), join(out, "licences"), { recursive: true })
  const packages = BundledPackages.parse(readFileSync(join(dist, "packages.json"), "utf8"))
  writeFileSync(join(out, `${name}-${version}.cdx.json`), Sbom.make({ source, packages, system: debian }))
  writeFileSync(join(out, "CHANGELOG.md"), changelog)
  run(tree, "node_modules/.bin/node", "scripts/render-manifests.ts")
  copyFileSync(join(tree, "packages/deploy/manifest.yaml"), join(out, "manifest.yaml"))
  execFileSync(
    await ReleaseTools.findOrBuildTool("helm"),
    ["package", "packages/deploy/chart", "--destination", out],
    {
      cwd: tree,
      env: { PATH: process.env["PATH"], HOME: work, SOURCE_DATE_EPOCH: String(time) }
    }
  )
  await Npm.packTarballs(tree, join(out, "npm"))
  Checksums.writeChecksums(out)

  if (key !== undefined) {
    step("signatures")
    const command = await ReleaseTools.findOrBuildTool("cosign")
    const cosign = Cosign.make({ command, key: resolve(key), password: process.env["COSIGN_PASSWORD"] ?? "" })
    mkdirSync(join(out, "signatures"))
    writeFileSync(
      join(out, "signatures/SHA256SUMS.sig"),
      await cosign.sign(readFileSync(join(out, "SHA256SUMS"), "utf8"))
    )
    await ImageSignature.writeSignature(cosign, join(out, "signatures/image"), digest, name)
  }
  console.log(
    `\n${out}\nimage: ${digest}${key === undefined ? "\nNOT SIGNED: set --key FILE (cosign's private key) and COSIGN_PASSWORD" : ""}`
  )
}

const work = mkdtempSync(join(tmpdir(), "registry-packages-proxy-release-"))
try {
  await make(work)
} catch (error) {
  console.error(error instanceof Refused ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
