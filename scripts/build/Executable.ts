import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { RuntimeFlags } from "./RuntimeFlags.ts"
import * as Script from "./Script.ts"

export interface ExecutableOptions {
  readonly script: string
  /** The path of Node for the executable's platform. */
  readonly node: string
  /** The path of the executable. */
  readonly output: string
  /**
   * True to include V8's code cache for the script. Only `node` itself can create the cache, so this machine must be
   * able to run `node`.
   */
  readonly codeCache: boolean
  readonly flags: RuntimeFlags
}

/**
 * A minimal script. The build makes the code caches of this script and of the program with the same V8 and flags, so V8
 * accepts both or neither. packages/proxy/src/build/ProgramForm.ts loads the code cache of this script to find out
 * whether V8 accepted the program's code cache.
 */
const probeScript = "0"

/** A Node program that compiles the script in the file `from`, and writes the script's code cache to the file `to`. */
const compiler = `
  const { readFileSync, writeFileSync } = require("node:fs")
  const [, from, to] = process.argv
  writeFileSync(to, new (require("node:vm").Script)(readFileSync(from, "latin1"), { filename: "main.js" }).createCachedData())
`

/** Makes builds reproducible. V8 ignores this flag when it checks a code cache. */
const reproducible = "--random-seed=1"

const run = (node: string, args: ReadonlyArray<string>, cwd: string): void => {
  const { error, status, stderr, stdout } = spawnSync(node, args, {
    cwd,
    encoding: "utf8",
    // V8 flags from the user's NODE_OPTIONS would change the code cache.
    env: { PATH: process.env["PATH"] }
  })
  if (status !== 0) throw new Error(`${error?.message ?? ""}${stdout}${stderr}`)
}

/**
 * Makes the executable, a single executable application (SEA) of Node. The executable contains Node and two scripts,
 * the program and the telemetry part. If `codeCache` is true, it also contains V8's code caches of the two scripts. The
 * paths of the scripts are relative, so that builds in different folders are equal.
 */
export const make = ({ codeCache, flags, node, output, script }: ExecutableOptions): void => {
  const v8Flags = [...flags.v8, reproducible]
  const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-build-"))
  const { program, telemetry } = Script.splitParts(script)
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
