import type * as Sdk from "../../packages/proxy/src/telemetry/sdk/Sdk.ts"

/** The part of the script with OpenTelemetry's SDK: a function of what it takes from the rest. */
type Part = (require: NodeJS.Require, program: object) => typeof Sdk

// Names that the script has for these; see Script.ts.
declare const telemetryPart: Part | undefined
declare const telemetryPartLine: number
declare const programRequire: NodeJS.Require
declare const programExports: () => object

const { getAssetKeys, getRawAsset } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/** Compiles what the executable has beside the program. Its lines are those of main.js. */
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

/** Stands for the module `Sdk` in a bundle. */
export const { layer } = part(programRequire, programExports())
