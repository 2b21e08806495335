/** The program as one classic script, and what the file around it says. */
import { build, type Plugin } from "esbuild"
import { mkdir, writeFile } from "node:fs/promises"
import { builtinModules } from "node:module"
import { dirname } from "node:path"
import { constants, zstdCompressSync } from "node:zlib"

const builtins = new Set(["process", ...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

/**
 * What is brought along and never called. WebSockets, and what `ws` tries to load: Effect's HTTP server brings them, this
 * program never upgrades. What client-node sends requests with, and signs in with where a kubeconfig has an
 * `auth-provider`, which is refused.
 */
const unused =
  /^(?:ws|bufferutil|utf-8-validate|undici|hpagent|socks|socks-proxy-agent|openid-client|jsonpath-plus|rfc4648)$/

/**
 * What client-node alone need not have: the models and clients of all of Kubernetes' API, of several MB, a stand-in for
 * RxJS, and a parser, since its KubeConfig is only asked how to authenticate.
 */
const unusedModule = /\/gen\/(?:index|rxjsStub)\.js$|^js-yaml$/

/**
 * Takes Node's modules as they are. An `import` of one evaluates all its lazy exports first: `node:util` alone then
 * holds 4.5 MB, `node:http` loads undici.
 */
const lean: Plugin = {
  name: "lean",
  setup: (builder) => {
    builder.onResolve({ filter: /^[a-z\d_:/]+$/ }, ({ path }) =>
      builtins.has(path) ? { path, namespace: "builtin" } : undefined
    )
    builder.onLoad({ filter: /^/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`
    }))
    builder.onResolve({ filter: unused }, ({ path }) => ({ path, namespace: "unused" }))
    builder.onResolve({ filter: unusedModule }, ({ importer, path }) =>
      importer.includes("/@kubernetes/client-node/") ? { path, namespace: "unused" } : undefined
    )
    builder.onLoad({ filter: /^/, namespace: "unused" }, () => ({ contents: "module.exports = {}" }))
  }
}

/**
 * A script in ASCII takes one byte a character in memory, not two. esbuild escapes all but what stands in regular
 * expressions, where an escape means the same.
 */
const ascii = (script: string): string =>
  script.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Bundles the program, its source map beside `outfile`, and answers the script. */
export const bundle = async (outfile: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: ["packages/proxy/src/main.ts"],
    outfile,
    platform: "node",
    target: "node26",
    format: "cjs",
    bundle: true,
    minify: true,
    sourcemap: true,
    legalComments: "none",
    logLevel: "warning",
    plugins: [lean],
    // A script has none; Effect takes it to require Node's own modules, from wherever.
    define: { "import.meta.url": '"file:///main.js"' },
    write: false
  })
  const [map, script] = ["main.js.map", "main.js"].map((name) =>
    outputFiles.find(({ path }) => path.endsWith(name))
  )
  if (map === undefined || script === undefined) throw new Error("esbuild wrote no script or no source map")
  await mkdir(dirname(outfile), { recursive: true })
  await writeFile(map.path, map.contents)
  return ascii(script.text)
}

// A small window: what unpacking allocates stays resident.
const packed = (bytes: Uint8Array): string =>
  zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: 17 }
  }).toString("base64")

/**
 * The file that is shipped: reads the script, and what V8 made of it, from its own last lines and runs it in this realm.
 * Where another V8, or other flags, refuse that code, the script is compiled as it is. Reads as CommonJS and as a module.
 *
 * Parsing the script takes 16 MB that the C library never gives back, and 100 ms. As literals the two would stay in
 * memory with the file's text.
 */
export const wrap = (script: string, code: Uint8Array): string => {
  const source = Buffer.from(script, "latin1")
  const [first, second] = [packed(code), packed(source)]
  const head = (start: number): string => `"use strict";
// registry-packages-proxy: the bundled program and V8's code for it, packed by scripts/build.ts
{
  const { closeSync, openSync, readSync } = process.getBuiltinModule("node:fs")
  const { Script, runInNewContext } = process.getBuiltinModule("node:vm")
  const { zstdDecompressSync } = process.getBuiltinModule("node:zlib")
  const filename = typeof __filename === "string" ? __filename : process.argv[1]
  const file = openSync(filename)
  const unpack = (start, length, unpacked) => {
    const text = Buffer.allocUnsafeSlow(length)
    readSync(file, text, 0, length, start)
    return zstdDecompressSync(Buffer.from(text.latin1Slice(), "base64"), { chunkSize: unpacked + 1 })
  }
  const cachedData = unpack(${start}, ${first.length}, ${code.length})
  const source = unpack(${start + first.length + 3}, ${second.length}, ${source.length}).latin1Slice()
  closeSync(file)
  const script = new Script(source, { filename, cachedData })
  script.runInThisContext()
  // Later, since the code is refused where flags differ. From then on the heap grows by less than half between two full
  // collections, not fourfold as a flood of garbage made it; the young generation stays as small as it is, not
  // 32 MB, and a pull can collect its buffers (node-net's BodyReader).
  setTimeout(() => {
    const { setFlagsFromString } = process.getBuiltinModule("node:v8")
    setFlagsFromString("--semi-space-growth-factor=1")
    setFlagsFromString("--heap-growing-percent=40")
    setFlagsFromString("--expose-gc")
    globalThis.gc = runInNewContext("gc")
  }, 1000).unref()
}
//`
  // The numbers' digits count too.
  let start = head(0).length
  while (head(start).length !== start) start = head(start).length
  return `${head(start)}${first}\n//${second}\n`
}
