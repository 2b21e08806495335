import { transform } from "esbuild"
import { readFileSync } from "node:fs"
import { type SourceMapping, SourceMap, type SourceMapPayload } from "node:module"
import { basename, resolve } from "node:path"
import { compileFunction } from "node:vm"
import { beforeAll, describe, expect, it } from "vitest"
import { type Bundle, bundle } from "./Bundle.ts"
import * as BundledPackages from "./BundledPackages.ts"
import * as Script from "./Script.ts"

const root = resolve(import.meta.dirname, "../..")
const source = { version: "1.2.3", commit: "0123456789abcdef", time: 0 }
let built: Bundle

beforeAll(async () => {
  built = await bundle(root, source)
})

/**
 * Runs the script as CommonJS until it ends or calls `require`. `version` is the version of Node that the script sees.
 */
const runOn = (version: string) => {
  const process = { versions: { node: version }, exitCode: 0 }
  const errors: Array<string> = []
  const console = { error: (text: string) => errors.push(text) }
  const require = () => {
    throw new Error("the script continued")
  }
  const run = compileFunction(built.script, ["process", "console", "require"])
  Reflect.apply(run, undefined, [process, console, require])
  return { errors, exitCode: process.exitCode }
}

describe("main.js", () => {
  it.each(["18.20.8", "20.20.2", "25.9.0"])(
    "prints one line with the required version on Node %s, and sets exit code 2",
    (version) => {
      expect(runOn(version)).toEqual({
        errors: [`registry-packages-proxy: this is Node ${version}; Node 26 or newer is needed`],
        exitCode: 2
      })
    }
  )

  it("has only syntax that Node 18 can parse, so that an old Node prints that line", async () => {
    const { code } = await transform(built.script, { target: "node18", loader: "js" })
    const { code: untouched } = await transform(built.script, { target: "esnext", loader: "js" })
    expect(code === untouched).toBe(true)
  })

  it("is ASCII, so that V8 keeps it at one byte a character", () => {
    expect(/[^\0-\x7f]/.test(built.script)).toBe(false)
  })

  it("is readable: lines, names, and the source file of each part", () => {
    const lines = built.script.split("\n")
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(10_000)
    expect(built.script).toContain("// packages/proxy/src/Program.ts")
    expect(built.script).toContain(`remedy: "remove V8 flags from NODE_OPTIONS"`)
  })

  it("sets no flag of V8 or Node while it runs", () => {
    expect(built.script).not.toContain("setFlagsFromString")
    expect(built.script).not.toContain("runInNewContext")
  })

  it("has no path of this checkout in it", () => {
    expect(built.script).not.toContain(root)
    expect(built.sourceMap).not.toContain(root)
  })

  it("contains these third-party packages only", () => {
    expect(BundledPackages.bundledPackages(root, built.metafile).map(({ name }) => name)).toEqual([
      "@effect/opentelemetry",
      "@effect/platform-node",
      "@effect/platform-node-shared",
      "@kubernetes/client-node",
      "@opentelemetry/api",
      "@opentelemetry/api-logs",
      "@opentelemetry/core",
      "@opentelemetry/otlp-exporter-base",
      "@opentelemetry/otlp-transformer",
      "@opentelemetry/resources",
      "@opentelemetry/sdk-logs",
      "@opentelemetry/sdk-metrics",
      "@opentelemetry/sdk-trace",
      "@opentelemetry/semantic-conventions",
      "effect",
      "js-yaml"
    ])
  })

  it("contains no index.ts of a package, which would import the whole package", () => {
    const files = Object.values(built.metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
    expect(files.filter((file) => /^packages\/[^/]+\/src\/index\.ts$/.test(file))).toEqual([])
    expect(files).toContain("packages/oci/src/Digest.ts")
  })

  it("contains modules that only import() reaches, and evaluates them on demand", () => {
    expect(Object.keys(built.metafile.outputs).map((file) => basename(file))).toEqual([
      "main.js.map",
      "main.js",
      "telemetry.js.map",
      "telemetry.js",
      "program.js.map",
      "program.js"
    ])
    expect(built.script).not.toMatch(/^(?!\s*(?:\/\/|\*)).*\bimport\(/m)
    for (const file of [
      "packages/kubernetes/src/internal/KubeCredentials.ts",
      "scripts/build/TelemetryPart.ts",
      "client-node/dist/exec_auth.js"
    ]) {
      expect(built.script).toMatch(new RegExp(`= __(?:esm|commonJS)\\(\\{\\n\\s*"[^"]*${file}"\\(`))
    }
  })

  it("has OpenTelemetry's SDK in its last part, and nothing of it before", () => {
    const { program, telemetry } = Script.splitParts(built.script)
    const partsFrom = (text: string, name: RegExp) =>
      text.split("\n").filter((line) => line.startsWith("// ") && name.test(line))
    expect(partsFrom(program, /opentelemetry|telemetry\/sdk/)).toEqual([])
    expect(partsFrom(telemetry, /packages\/proxy\/src\/telemetry\/sdk\/Sdk\.ts/)).toHaveLength(1)
    expect(program.length).toBeGreaterThan(5 * telemetry.length)
  })

  it("maps the lines of both parts to their sources", () => {
    const map = new SourceMap(JSON.parse(built.sourceMap) as SourceMapPayload)
    const lines = built.script.split("\n")
    for (const [name, file] of [
      ["warnOfOpenPort", "src/Program.ts"],
      ["spanLimits", "src/telemetry/sdk/Traces.ts"]
    ] as const) {
      const line = lines.findIndex((one) => one.startsWith(`var ${name} = `))
      const { originalLine, originalSource } = map.findEntry(line, 4) as SourceMapping
      expect(originalSource).toBe(`../${file}`)
      const source = readFileSync(resolve(root, "packages/proxy", file), "utf8").split("\n")
      expect(source[originalLine]).toContain(`const ${name} = `)
    }
  })

  it("contains only the authentication modules of client-node", () => {
    const files = Object.values(built.metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs))
    const used = files.flatMap(([file, { bytesInOutput }]) =>
      bytesInOutput > 0 && file.includes("/client-node/") ? [basename(file)] : []
    )
    expect(used.toSorted()).toEqual(["config_types.js", "exec_auth.js", "file_auth.js"])
  })
})
