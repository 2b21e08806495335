import type * as Sdk from "../../packages/proxy/src/telemetry/sdk/Sdk.ts"

/** The part of the script with OpenTelemetry's SDK, as a function of the program's exports. */
type Part = (require: NodeJS.Require, program: object) => typeof Sdk

// scripts/build/Script.ts defines or replaces these names in the script.
declare const telemetryPart: Part | undefined
declare const telemetryPartLine: number
declare const programRequire: NodeJS.Require
declare const programExports: () => object

const { getAssetKeys, getRawAsset } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/** Compiles the telemetry part from the executable's assets. The line numbers in stack traces are those of main.js. */
const compile = (): Part => {
  const [text, code] = ["telemetry", "telemetry-code"]
  const script = new Script(Buffer.from(getRawAsset(text)).toString("latin1"), {
    filename: "main.js",
    lineOffset: telemetryPartLine,
    ...(getAssetKeys().includes(code) ? { cachedData: Buffer.from(getRawAsset(code)) } : {})
  })
  return script.runInThisContext() as Part
}

const part = typeof telemetryPart === "function" ? telemetryPart : compile()

/** Replaces the export of the module `Sdk` in the bundle. */
export const { layer } = part(programRequire, programExports())
