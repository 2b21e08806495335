import type * as Sdk from "../../packages/proxy/src/telemetry/sdk/Sdk.ts"

/**
 * The function that evaluates OpenTelemetry's SDK, and returns the module `Sdk`. `program` contains the program's
 * exports.
 */
type Part = (require: NodeJS.Require, program: object) => typeof Sdk

// scripts/build/Script.ts defines or replaces these names in the script.
declare const telemetryPart: Part | undefined
declare const telemetryPartLine: number
declare const programRequire: NodeJS.Require
declare const programExports: () => object

const { getAssetKeys, getRawAsset } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/**
 * Compiles the telemetry part, which is an asset of the executable. The line numbers in stack traces are those of
 * main.js.
 */
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

/** The bundle uses this export in place of the module `Sdk`. */
export const { layer } = part(programRequire, programExports())
