import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { load } from "js-yaml"
import { packTar } from "modern-tar"
import * as PublishedManifest from "./PublishedManifest.ts"

type Manifest = PublishedManifest.PackageManifest

/** A package of the workspace. `folder` is the name of its folder in packages/. */
interface Package {
  readonly folder: string
  readonly manifest: Manifest
}

const packagesOf = (root: string): ReadonlyArray<Package> =>
  globSync("packages/*/package.json", { cwd: root })
    .toSorted()
    .map((file) => ({
      folder: basename(dirname(file)),
      manifest: JSON.parse(readFileSync(join(root, file), "utf8")) as Manifest
    }))

const workspaceOf = (root: string, packages: ReadonlyArray<Package>): PublishedManifest.Workspace => {
  const { catalog, catalogs } = load(readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")) as {
    readonly catalog: Readonly<Record<string, string>>
    readonly catalogs: PublishedManifest.Workspace["catalogs"]
  }
  return {
    packages: new Map(packages.map(({ manifest: { name, version } }) => [name, version])),
    catalogs: { ...catalogs, default: catalog }
  }
}

/** Compiles packages to JavaScript and declarations. The output is in `directory`/FOLDER/src. */
const compile = (root: string, folders: ReadonlyArray<string>, directory: string): void => {
  const config = join(directory, "tsconfig.json")
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    newLine: "lf",
    rootDir: join(root, "packages"),
    outDir: directory,
    typeRoots: [join(root, "node_modules/@types")]
  }
  const include = folders.map((folder) => join(root, "packages", folder, "src"))
  writeFileSync(config, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include }))
  execFileSync(join(root, "node_modules/.bin/tsc"), ["--project", config], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"]
  })
}

/** The time that npm gives to all files in a tarball, so that tarballs are reproducible. */
const mtime = new Date("1985-10-26T08:15:00Z")

const tarballOf = async (directory: string, files: ReadonlyArray<string>): Promise<Uint8Array> => {
  const entries = files.map((name) => {
    const body = readFileSync(join(directory, name))
    const header = { name: `package/${name}`, mode: 0o644, mtime, type: "file" as const, size: body.length }
    return { header, body }
  })
  return gzipSync(await packTar(entries), { level: 9 })
}

/** The names of the files that every tarball contains, in addition to the `files` of its package.json. */
const always = ["LICENSE", "README.md", "package.json"]

const filesOf = (directory: string, { files = [] }: Manifest): ReadonlyArray<string> =>
  [
    ...always,
    ...globSync(
      files.map((name) => `${name}/**/*.*`),
      { cwd: directory }
    )
  ].toSorted()

/**
 * Compiles and packs the packages that have a `publishConfig`, from the checkout at `root`. Writes tarballs in the
 * format of `npm publish` into the directory `out`. Returns the paths of the tarballs. Equal sources give equal bytes.
 */
export const packTarballs = async (root: string, out: string): Promise<ReadonlyArray<string>> => {
  const all = packagesOf(root)
  const workspace = workspaceOf(root, all)
  const published = all.filter(({ manifest }) => manifest.publishConfig !== undefined)
  const stage = mkdtempSync(join(tmpdir(), "registry-packages-proxy-npm-"))
  try {
    compile(
      root,
      published.map(({ folder }) => folder),
      stage
    )
    mkdirSync(out, { recursive: true })
    return await Promise.all(
      published.map(async ({ folder, manifest }) => {
        const directory = join(stage, folder)
        renameSync(join(directory, "src"), join(directory, "dist"))
        copyFileSync(join(root, "LICENSE"), join(directory, "LICENSE"))
        copyFileSync(join(root, "packages", folder, "README.md"), join(directory, "README.md"))
        const written = PublishedManifest.make(manifest, workspace)
        writeFileSync(join(directory, "package.json"), `${JSON.stringify(written, null, 2)}\n`)
        const { name, version } = manifest
        const tarball = join(out, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)
        writeFileSync(tarball, await tarballOf(directory, filesOf(directory, written)))
        return tarball
      })
    )
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}
