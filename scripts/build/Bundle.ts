import { build, type Metafile, type Plugin } from "esbuild"
import { readFile } from "node:fs/promises"
import { extname } from "node:path"
import { fileURLToPath } from "node:url"
import * as Script from "./Script.ts"
import type { SourceVersion } from "./Source.ts"

/** registry-packages-proxy as one script, with the metadata of esbuild. */
export interface Bundle {
  readonly script: string
  readonly sourceMap: string
  readonly metafile: Metafile
}

/** The oldest major version of Node that can run the bundle. */
export const minNodeVersion = 26

/**
 * The first lines of the script, which check the version of Node. Node parses the whole script before it runs these
 * lines, so the script uses only syntax that Node 18 can parse. registry-packages-proxy uses exit code 2 for errors
 * that a restart does not fix.
 */
const guard = `"use strict";
if (Number(process.versions.node.split(".")[0]) < ${minNodeVersion}) {
  console.error("registry-packages-proxy: this is Node " + process.versions.node + "; Node ${minNodeVersion} or newer is needed");
  process.exitCode = 2;
  return;
}
`

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/**
 * Replaces the package `ws` by a module whose classes throw when they are constructed. Effect's HTTP server imports
 * `ws` for WebSocket upgrades, but registry-packages-proxy offers none. `ws` would take 1 MB of resident memory.
 */
const noWebSockets: Plugin = {
  name: "no-websockets",
  setup: (builder) => {
    builder.onResolve({ filter: /^ws$/ }, () => ({ path: beside("NoWebSockets.ts") }))
  }
}

const telemetry = "telemetry"
const sdk = "packages/proxy/src/telemetry/sdk/Sdk.ts"

/**
 * Puts the module `Sdk`, and all modules that only `Sdk` imports, into the telemetry part of the script. esbuild builds
 * this part from a separate entry point, which imports the program and `Sdk`. In the program, the module
 * TelemetryPart.ts replaces `Sdk`. TelemetryPart.ts evaluates the telemetry part on demand.
 */
const separateTelemetry: Plugin = {
  name: "separate-telemetry",
  setup: (builder) => {
    const resolveDir = builder.initialOptions.absWorkingDir ?? ""
    builder.onResolve({ filter: /^telemetry$/ }, () => ({ path: telemetry, namespace: telemetry }))
    builder.onLoad({ filter: /^/, namespace: telemetry }, () => ({
      contents: `import "./packages/proxy/src/main.ts"; export { layer } from "./${sdk}"`,
      resolveDir
    }))
    builder.onResolve({ filter: /\/sdk\/Sdk\.ts$/ }, ({ kind }) =>
      kind === "require-call" ? { path: beside("TelemetryPart.ts") } : undefined
    )
  }
}

/**
 * Replaces `import()` by `require()`, so that the imported module is in the script and is evaluated on demand. esbuild
 * would write a separate file for each remaining `import()`. Bundle.test.ts fails if there is such a file.
 */
const evaluatedLater: Plugin = {
  name: "evaluated-later",
  setup: (builder) => {
    builder.onLoad(
      { filter: /\/packages\/[^/]+\/src\/.*\.ts$|\/@opentelemetry\/.*\.js$/ },
      async ({ path }) => {
        const text = await readFile(path, "utf8")
        const contents = text.replaceAll(
          /(?<=[=(>?:] |await |return )import\((["'][^"']+["'])\)/g,
          "Promise.resolve().then(() => require($1))"
        )
        return contents === text ? undefined : { contents, loader: extname(path) === ".ts" ? "ts" : "js" }
      }
    )
  }
}

/**
 * Escapes all non-ASCII characters, because V8 stores an ASCII script with one byte per character. esbuild itself
 * escapes these characters everywhere except in regular expressions. An escape has the same meaning there.
 */
const ascii = (script: string): string =>
  script.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Bundles the sources in the checkout at `root` into one readable script with a source map. */
export const bundle = async (root: string, source: SourceVersion): Promise<Bundle> => {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [
      { in: "packages/proxy/src/main.ts", out: "main" },
      { in: telemetry, out: telemetry }
    ],
    outdir: "packages/proxy/dist",
    platform: "node",
    target: "node18",
    format: "esm",
    splitting: true,
    chunkNames: "program",
    mainFields: ["module", "main"],
    bundle: true,
    sourcemap: "external",
    legalComments: "none",
    logLevel: "warning",
    logOverride: { "import-is-undefined": "error" },
    plugins: [noWebSockets, separateTelemetry, evaluatedLater],
    define: {
      // A CommonJS script has no import.meta.url. Effect uses it only to require Node's built-in modules.
      "import.meta.url": '"file:///main.js"',
      BUILD_VERSION: JSON.stringify(source.version),
      BUILD_COMMIT: JSON.stringify(source.commit)
    },
    metafile: true,
    write: false
  })
  const module = (name: string): Script.BuiltModule => {
    const [text, sourceMap] = [name, `${name}.map`].map((file) =>
      outputFiles.find(({ path }) => path.endsWith(`/${file}`))
    )
    if (text === undefined || sourceMap === undefined) throw new Error(`esbuild wrote no ${name}`)
    return { text: ascii(text.text), sourceMap: sourceMap.text }
  }
  const script = Script.joinParts(guard, module("program.js"), module("telemetry.js"))
  return {
    script: `${script.text}//# sourceMappingURL=main.js.map\n`,
    sourceMap: script.sourceMap,
    metafile
  }
}
