import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { unpackTar } from "modern-tar"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { builtinModules } from "node:module"
import { tmpdir } from "node:os"
import { basename, join, posix, resolve } from "node:path"
import { gunzipSync } from "node:zlib"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { packTarballs } from "./Npm.ts"
import type { PackageManifest } from "./PublishedManifest.ts"

const root = resolve(import.meta.dirname, "../..")
const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-npm-test-"))

interface Tarball {
  readonly name: string
  readonly data: Uint8Array<ArrayBuffer>
  readonly files: ReadonlyMap<string, string>
  readonly manifest: PackageManifest
}

const open = async (path: string): Promise<Tarball> => {
  const data = new Uint8Array(readFileSync(path))
  const entries = await unpackTar(gunzipSync(data))
  const files = new Map(
    entries.map(({ data, header }) => [header.name.replace("package/", ""), new TextDecoder().decode(data)])
  )
  const manifest = JSON.parse(files.get("package.json") ?? "") as PackageManifest
  return { name: basename(path), data, files, manifest }
}

let tarballs: ReadonlyArray<Tarball>
let again: ReadonlyArray<Tarball>

beforeAll(async () => {
  const packed = async (folder: string) =>
    Promise.all((await packTarballs(root, join(directory, folder))).map((path) => open(path)))
  tarballs = await packed("first")
  again = await packed("second")
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Returns the names of the packages that the text of a module imports, without Node's own modules. */
const imported = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/(?:\bfrom |\bimport\(|^import )"(?!node:)((?:@[^/"]+\/)?[^./"][^/"]*)/gm)].map(
    ([, name = ""]) => name
  )

describe("the packages that are published", () => {
  it("are those that a program is composed of, and testkit", () => {
    expect(tarballs.map(({ manifest }) => manifest.name.replace("@registry-packages-proxy/", ""))).toEqual([
      "access-control",
      "credential-store",
      "digest-cache",
      "domain",
      "kubernetes",
      "metrics",
      "node-net",
      "oci",
      "proxy",
      "registry-client",
      "testkit",
      "tls"
    ])
  })

  it("are the same bytes in two runs", () => {
    expect(again.map(({ data }) => data.toBase64())).toEqual(tarballs.map(({ data }) => data.toBase64()))
  })

  it("contain JavaScript, types, README and licence, and neither sources nor tests", () => {
    for (const { files, name } of tarballs) {
      const built = [...files.keys()].filter((file) => file.startsWith("dist/"))
      const others = [...files.keys()].filter((file) => !file.startsWith("dist/"))
      expect(others, name).toEqual(["LICENSE", "README.md", "package.json"])
      const declared = built.flatMap((file) => (file.endsWith(".js") ? [file.replace(/\.js$/, ".d.ts")] : []))
      expect(
        built.filter((file) => !file.endsWith(".js")),
        name
      ).toEqual(declared)
      expect(built, name).toContain("dist/index.js")
    }
  })

  it("contain no path of this checkout", () => {
    for (const { files, name } of tarballs)
      for (const [file, text] of files) expect(text.includes(root), `${name}: ${file}`).toBe(false)
  })

  it("declare all packages that they import, in versions from npm", () => {
    for (const { files, manifest, name } of tarballs) {
      const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies }
      for (const range of Object.values(dependencies)) expect(range, name).toMatch(/^[~^]?\d+\.\d+\.\d+$/)
      const used = [...files].flatMap(([file, text]) => (file.startsWith("dist/") ? imported(text) : []))
      const undeclared = new Set(used).difference(
        new Set<string>([...Object.keys(dependencies), ...builtinModules])
      )
      expect([...undeclared], name).toEqual([])
    }
  })

  it("have every module that their modules import, with its types", () => {
    for (const { files, name } of tarballs) {
      for (const [file, text] of files) {
        if (!file.startsWith("dist/")) continue
        for (const [, to = ""] of text.matchAll(/(?:\bfrom |\bimport\(|^import )"(\.[^"]+)"/gm)) {
          // In declarations, TypeScript resolves ./X.ts to ./X.d.ts.
          const target = posix.join(posix.dirname(file), to).replace(/(?<!\.d)\.ts$/, ".d.ts")
          expect(files.has(target), `${name}: ${file} imports ${to}`).toBe(true)
        }
      }
    }
  })

  it("have effect as a peer only, because two copies do not share services", () => {
    for (const { manifest, name } of tarballs) {
      expect(manifest.peerDependencies, name).toHaveProperty("effect")
      expect(Object.keys(manifest.dependencies ?? {}), name).not.toContain("effect")
    }
  })

  it("pass publint", async () => {
    for (const { data, manifest, name } of tarballs) {
      const { messages } = await publint({ pack: { tarball: data.buffer }, strict: true })
      expect(
        messages.map((message) => formatMessage(message, { ...manifest })),
        name
      ).toEqual([])
    }
  })

  it("pass the tool Are the types wrong, for imports of ES modules", async () => {
    for (const { data, name } of tarballs) {
      const result = await checkPackage(createPackageFromTarballData(data))
      // Problems of node10 and require are ignored, as in the tool's profile "esm-only".
      if (result.types === false) throw new Error(`${name} has no types`)
      const wrong = result.problems.filter(
        (problem) =>
          !("resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind))
      )
      expect(wrong, name).toEqual([])
    }
  })
})
