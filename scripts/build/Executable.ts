import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { RuntimeFlags } from "./RuntimeFlags.ts"

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
 * packages/proxy/src/CodeCache.ts.
 */
const probeScript = "0"

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
 * Makes Node's own kind of single executable: Node, the script, and V8's code for it. The script's name in it is
 * relative, so that builds in other folders are equal.
 */
export const make = ({ codeCache, flags, node, output, script }: ExecutableOptions): void => {
  const v8Flags = [...flags.v8, reproducible]
  const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-build-"))
  try {
    writeFileSync(join(directory, "main.js"), script, "latin1")
    if (codeCache) {
      const probe = `require("node:fs").writeFileSync("probe", new (require("node:vm").Script)(${JSON.stringify(probeScript)}).createCachedData())`
      run(node, [...v8Flags, "--eval", probe], directory)
    }
    writeFileSync(
      join(directory, "build.json"),
      JSON.stringify({
        main: "main.js",
        output: resolve(output),
        executable: node,
        disableExperimentalSEAWarning: true,
        useCodeCache: codeCache,
        execArgv: [...flags.node, ...flags.v8],
        execArgvExtension: "env",
        ...(codeCache ? { assets: { "code-cache-probe": "probe" } } : {})
      })
    )
    run(codeCache ? node : process.execPath, [...v8Flags, "--build-sea", "build.json"], directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
