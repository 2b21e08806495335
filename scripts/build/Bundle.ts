import { build, type Metafile, type Plugin } from "esbuild"
import { fileURLToPath } from "node:url"
import type { Source } from "./Source.ts"

/** The program as one script, with esbuild's metadata. */
export interface Bundle {
  readonly script: string
  readonly sourceMap: string
  readonly metafile: Metafile
}

/** The oldest major version of Node that runs the bundle. */
export const oldestNode = 26

/**
 * Stands before the script. Everything is parsed before it runs, so the script is kept to the syntax of Node 18. Exit
 * code 2 is the program's own for what a restart does not help.
 */
const guard = `"use strict";
if (Number(process.versions.node.split(".")[0]) < ${oldestNode}) {
  console.error("registry-packages-proxy: this is Node " + process.versions.node + "; Node ${oldestNode} or newer is needed");
  process.exitCode = 2;
  return;
}
`

const modules = { ws: "NoWebSockets.ts" }

/**
 * Effect's HTTP server brings the package ws for upgrades, which this program does not offer; 1 MB resident. In its
 * place stands a module that fails when it is called.
 */
const noWebSockets: Plugin = {
  name: "no-websockets",
  setup: (builder) => {
    builder.onResolve({ filter: /^ws$/ }, () => ({
      path: fileURLToPath(new URL(modules.ws, import.meta.url))
    }))
  }
}

/**
 * Escapes all characters but ASCII: V8 keeps an ASCII script at one byte a character. esbuild escapes everything but
 * regular expressions, in which an escape means the same.
 */
const ascii = (script: string): string =>
  script.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Bundles the program of the checkout at `root`: readable, with a source map and without helper code. */
export const bundle = async (root: string, source: Source): Promise<Bundle> => {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["packages/proxy/src/main.ts"],
    outfile: "packages/proxy/dist/main.js",
    platform: "node",
    target: "node18",
    format: "cjs",
    // An executable of one script cannot import: modules of import() are in it, or Node's own.
    supported: { "dynamic-import": false },
    mainFields: ["module", "main"],
    bundle: true,
    sourcemap: true,
    legalComments: "none",
    logLevel: "warning",
    logOverride: { "import-is-undefined": "error" },
    plugins: [noWebSockets],
    banner: { js: guard },
    define: {
      // A script has none; Effect only uses it to require Node's built-in modules.
      "import.meta.url": '"file:///main.js"',
      BUILD_VERSION: JSON.stringify(source.version),
      BUILD_COMMIT: JSON.stringify(source.commit)
    },
    metafile: true,
    write: false
  })
  const [sourceMap, script] = ["main.js.map", "main.js"].map((name) =>
    outputFiles.find(({ path }) => path.endsWith(name))
  )
  if (sourceMap === undefined || script === undefined) {
    throw new Error("esbuild wrote no script or no source map")
  }
  return { script: ascii(script.text), sourceMap: sourceMap.text, metafile }
}
