/**
 * Implements `npm run build`. Builds registry-packages-proxy as one script, and as one executable for this machine.
 * `--arch amd64,arm64` builds executables for these architectures instead. `--version`, `--commit` and `--time`
 * (seconds since 1970) replace the values from package.json and git.
 */
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { type Architecture, architectures } from "../packages/deploy/src/image/Architecture.ts"
import { bundle } from "./build/Bundle.ts"
import * as BundledPackages from "./build/BundledPackages.ts"
import * as BuildOutput from "./build/BuildOutput.ts"
import * as Executable from "./build/Executable.ts"
import * as Licences from "./build/Licences.ts"
import * as NodeBinary from "./build/NodeBinary.ts"
import * as RuntimeFlags from "./build/RuntimeFlags.ts"
import * as Sbom from "./build/Sbom.ts"
import * as Source from "./build/Source.ts"

const root = resolve(import.meta.dirname, "..")
const dist = BuildOutput.outputDirectory(root)
const { values } = parseArgs({
  options: {
    arch: { type: "string" },
    version: { type: "string" },
    commit: { type: "string" },
    time: { type: "string" }
  }
})

const targets = (): ReadonlyArray<Architecture> => {
  if (values.arch === undefined)
    return NodeBinary.ownArchitecture === undefined ? [] : [NodeBinary.ownArchitecture]
  return values.arch.split(",").map((name) => {
    const found = architectures.find((architecture) => architecture === name)
    if (found === undefined) throw new Error(`--arch: unknown ${name}; accepted: ${architectures.join(", ")}`)
    return found
  })
}

/** Writes the SHA-256 of a built file to `<file>.sha256`, and prints the SHA-256. */
const seal = (file: string): void => {
  const bytes = readFileSync(join(dist, file))
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  writeFileSync(join(dist, `${file}.sha256`), `${sha256}  ${file}\n`)
  console.log(`${sha256}  packages/proxy/dist/${file} (${(bytes.length / 1024 / 1024).toFixed(1)} MiB)`)
}

const makeExecutable = (script: string, architecture: Architecture): void => {
  const isOwn = architecture === NodeBinary.ownArchitecture
  const file = BuildOutput.executableName(architecture)
  const output = join(dist, file)
  Executable.make({
    script,
    node: NodeBinary.pinnedNode(architecture).executable,
    output,
    codeCache: isOwn,
    flags: RuntimeFlags.shippedFlags
  })
  chmodSync(output, 0o755)
  seal(file)
  if (!isOwn) console.log(`${file} has no code cache: it can only be made on ${architecture}`)
}

const make = async (): Promise<void> => {
  const architectures = targets()
  const source = Source.read(root, values)
  const { metafile, script, sourceMap } = await bundle(root, source)
  const packages = BundledPackages.bundledPackages(root, metafile)
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, "main.js"), script, "latin1")
  writeFileSync(join(dist, "main.js.map"), sourceMap)
  // main.js is CommonJS, but packages/proxy/package.json declares ES modules.
  writeFileSync(join(dist, "package.json"), `{ "type": "commonjs" }\n`)
  writeFileSync(join(dist, "packages.json"), JSON.stringify(packages))
  writeFileSync(join(dist, "sbom.cdx.json"), Sbom.make({ source, packages }))
  seal("main.js")
  if (architectures.length === 0)
    console.log("No executable: this machine is not Linux; --arch builds one for Linux")
  for (const architecture of architectures) makeExecutable(script, architecture)
  const [first] = architectures
  if (first !== undefined) {
    Licences.write(root, join(dist, "licences"), packages, NodeBinary.pinnedNode(first).licence)
  }
}

await make().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
