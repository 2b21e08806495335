import { transform } from "esbuild"
import { basename, resolve } from "node:path"
import { compileFunction } from "node:vm"
import { beforeAll, describe, expect, it } from "vitest"
import { type Bundle, bundle } from "./Bundle.ts"
import { packages } from "./Bundled.ts"

const root = resolve(import.meta.dirname, "../..")
const source = { version: "1.2.3", commit: "0123456789abcdef", time: 0 }
let built: Bundle

beforeAll(async () => {
  built = await bundle(root, source)
})

/** Runs the script as Node's CommonJS would, as far as it comes, on a Node that says it is `version`. */
const runOn = (version: string) => {
  const process = { versions: { node: version }, exitCode: 0 }
  const errors: Array<string> = []
  const console = { error: (text: string) => errors.push(text) }
  const require = () => {
    throw new Error("it went on")
  }
  const run = compileFunction(built.script, ["process", "console", "require"])
  Reflect.apply(run, undefined, [process, console, require])
  return { errors, exitCode: process.exitCode }
}

describe("main.js", () => {
  it.each(["18.20.8", "20.20.2", "25.9.0"])(
    "says on Node %s in one line which it needs, and ends with 2",
    (version) => {
      expect(runOn(version)).toEqual({
        errors: [`registry-packages-proxy: this is Node ${version}; Node 26 or newer is needed`],
        exitCode: 2
      })
    }
  )

  it("has no syntax that Node 18 cannot read, which would fail before that line", async () => {
    const { code } = await transform(built.script, { target: "node18", loader: "js" })
    const { code: untouched } = await transform(built.script, { target: "esnext", loader: "js" })
    expect(code === untouched).toBe(true)
  })

  it("is one byte a character, so that V8 keeps it so", () => {
    expect(/[^\0-\x7f]/.test(built.script)).toBe(false)
  })

  it("is readable: lines, names, and the file that each part comes from", () => {
    const lines = built.script.split("\n")
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(10_000)
    expect(built.script).toContain("// packages/proxy/src/Program.ts")
    expect(built.script).toContain(`remedy: "remove V8 flags from NODE_OPTIONS"`)
  })

  it("sets no flag of V8's or Node's while it runs", () => {
    expect(built.script).not.toContain("setFlagsFromString")
    expect(built.script).not.toContain("runInNewContext")
  })

  it("has no path of this checkout in it", () => {
    expect(built.script).not.toContain(root)
    expect(built.sourceMap).not.toContain(root)
  })

  it("has these packages of others in it, and no more", () => {
    expect(packages(root, built.metafile).map(({ name }) => name)).toEqual([
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

  it("has no package's index.ts in it, which would bring all of the package", () => {
    const files = Object.values(built.metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
    expect(files.filter((file) => /^packages\/[^/]+\/src\/index\.ts$/.test(file))).toEqual([])
    expect(files).toContain("packages/oci/src/Digest.ts")
  })

  it("holds what import() alone reaches, and evaluates it when it is asked for", () => {
    expect(Object.keys(built.metafile.outputs)).toHaveLength(2)
    expect(built.script).not.toMatch(/^(?!\s*(?:\/\/|\*)).*\bimport\(/m)
    for (const file of [
      "packages/kubernetes/src/internal/KubeCredentials.ts",
      "packages/proxy/src/telemetry/sdk/Sdk.ts",
      "client-node/dist/exec_auth.js"
    ]) {
      expect(built.script).toMatch(new RegExp(`= __esm\\(\\{\\n\\s*"[^"]*${file}"\\(\\)`))
    }
  })

  it("has of client-node only the modules that authenticate", () => {
    const files = Object.values(built.metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs))
    const used = files.flatMap(([file, { bytesInOutput }]) =>
      bytesInOutput > 0 && file.includes("/client-node/") ? [basename(file)] : []
    )
    expect(used.toSorted()).toEqual(["config_types.js", "exec_auth.js", "file_auth.js"])
  })
})
