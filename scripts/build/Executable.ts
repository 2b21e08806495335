import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { RuntimeFlags } from "./RuntimeFlags.ts"
import * as Script from "./Script.ts"

export interface ExecutableOptions {
  readonly script: string
  /** Node for the executable's platform. */
  readonly node: string
  /** The path of the executable. */
  readonly output: string
  /** True to add V8's code cache for the script. Only `node` itself can make it, on a machine that can run it. */
  readonly codeCache: boolean
  readonly flags: RuntimeFlags
}

/**
 * The text whose cached code shows at run time whether V8 takes that of the script; see
 * packages/proxy/src/build/Form.ts.
 */
const probeScript = "0"

/** Writes the code that V8 makes of the script in a file into another. */
const compiler = `
  const { readFileSync, writeFileSync } = require("node:fs")
  const [, from, to] = process.argv
  writeFileSync(to, new (require("node:vm").Script)(readFileSync(from, "latin1"), { filename: "main.js" }).createCachedData())
`

/** Makes builds reproducible; V8 does not include this flag in the check of cached code. */
const reproducible = "--random-seed=1"

const run = (node: string, args: ReadonlyArray<string>, cwd: string): void => {
  const { error, status, stderr, stdout } = spawnSync(node, args, {
    cwd,
    encoding: "utf8",
    // The code cache would include V8 flags of the user's NODE_OPTIONS.
    env: { PATH: process.env["PATH"] }
  })
  if (status !== 0) throw new Error(`${error?.message ?? ""}${stdout}${stderr}`)
}

/**
 * Makes Node's own kind of single executable: Node, the program, V8's code for it, and beside them its telemetry part
 * with such code. The script's name in it is relative, so that builds in other folders are equal.
 */
export const make = ({ codeCache, flags, node, output, script }: ExecutableOptions): void => {
  const v8Flags = [...flags.v8, reproducible]
  const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-build-"))
  const { program, telemetry } = Script.split(script)
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text, "latin1")
  const compile = (from: string, to: string): void =>
    run(node, [...v8Flags, "--eval", compiler, from, to], directory)
  try {
    write("main.js", program)
    write("telemetry.js", telemetry)
    if (codeCache) {
      write("probe.js", probeScript)
      compile("probe.js", "probe")
      compile("telemetry.js", "telemetry-code")
    }
    write(
      "build.json",
      JSON.stringify({
        main: "main.js",
        output: resolve(output),
        executable: node,
        disableExperimentalSEAWarning: true,
        useCodeCache: codeCache,
        execArgv: [...flags.node, ...flags.v8],
        execArgvExtension: "env",
        assets: {
          telemetry: "telemetry.js",
          ...(codeCache ? { "telemetry-code": "telemetry-code", "code-cache-probe": "probe" } : {})
        }
      })
    )
    run(codeCache ? node : process.execPath, [...v8Flags, "--build-sea", "build.json"], directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
