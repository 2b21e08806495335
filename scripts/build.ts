/**
 * `npm run build`: the program as one script, and as one executable for this machine; `--arch amd64,arm64` makes executables for
 * others too.
 */
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { bundle } from "./build/Bundle.ts"
import * as Executable from "./build/Executable.ts"
import { type Architecture, architectures, nodeFor, own } from "./build/NodeBinary.ts"
import * as Source from "./build/Source.ts"

const root = resolve(import.meta.dirname, "..")
const dist = join(root, "packages/proxy/dist")
const { values } = parseArgs({ options: { arch: { type: "string" }, version: { type: "string" } } })

const wanted = (): ReadonlyArray<Architecture> => {
  if (values.arch === undefined) return own === undefined ? [] : [own]
  return values.arch.split(",").map((name) => {
    const found = architectures.find((architecture) => architecture === name)
    if (found === undefined) throw new Error(`--arch: ${name} is not one of ${architectures.join(", ")}`)
    return found
  })
}

const say = (file: string, bytes: Uint8Array): void => {
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  writeFileSync(join(dist, `${file}.sha256`), `${sha256}  ${file}\n`)
  console.log(`${sha256}  packages/proxy/dist/${file} (${(bytes.length / 1024 / 1024).toFixed(1)} MiB)`)
}

const make = async (): Promise<void> => {
  const targets = wanted()
  const { metafile, script, sourceMap } = await bundle(root, Source.read(root, values.version))
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, "main.js"), script, "latin1")
  writeFileSync(join(dist, "main.js.map"), sourceMap)
  writeFileSync(join(dist, "metafile.json"), JSON.stringify(metafile))
  // The script is CommonJS; the package it lies in is not.
  writeFileSync(join(dist, "package.json"), `{ "type": "commonjs" }\n`)
  say("main.js", Buffer.from(script, "latin1"))
  if (targets.length === 0)
    console.log("No executable: it is made for Linux only; --arch names the processor.")
  for (const architecture of targets) {
    const file = `registry-packages-proxy${architecture === own ? "" : `-linux-${architecture}`}`
    const output = join(dist, file)
    Executable.make({ script, node: nodeFor(architecture), output, codeCache: architecture === own })
    chmodSync(output, 0o755)
    say(file, readFileSync(output))
    if (architecture !== own) {
      console.log(
        `${file} has no code cache, which only Node for ${architecture} can make: V8 compiles the script at each start.`
      )
    }
  }
}

await make().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
