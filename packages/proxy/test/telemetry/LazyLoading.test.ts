import { assert, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { promisify } from "node:util"

const sources = new URL("../../src/", import.meta.url).href

/**
 * Returns the URLs of the OpenTelemetry modules that registry-packages-proxy loads with these environment variables.
 */
const loaded = async (variables: Readonly<Record<string, string>>): Promise<ReadonlyArray<string>> => {
  const script = `
    import { registerHooks } from "node:module"
    const found = new Set()
    registerHooks({
      resolve: (specifier, context, next) => {
        const resolved = next(specifier, context)
        if (/opentelemetry|telemetry.sdk/.test(resolved.url)) found.add(resolved.url)
        return resolved
      }
    })
    const { Effect, Layer, Result } = await import(${JSON.stringify(import.meta.resolve("effect"))})
    await import("${sources}Program.ts")
    const Telemetry = await import("${sources}Telemetry.ts")
    const TelemetrySettings = await import("${sources}telemetry/TelemetrySettings.ts")
    const { layer } = await import(${JSON.stringify(import.meta.resolve("@effect/platform-node/NodeFileSystem"))})
    const settings = Result.getOrThrow(TelemetrySettings.parse(${JSON.stringify(variables)}))
    await Effect.runPromise(Effect.scoped(Layer.build(Layer.provide(Telemetry.layer(settings), layer))))
    console.log(JSON.stringify([...found]))
    process.exit()
  `
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script])
  return JSON.parse(stdout) as ReadonlyArray<string>
}

it("loads OpenTelemetry's modules only if telemetry is enabled", async () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }
  assert.deepStrictEqual(await loaded({}), [])
  assert.deepStrictEqual(await loaded({ ...endpoint, OTEL_SDK_DISABLED: "true" }), [])
  assert.isNotEmpty(await loaded(endpoint))
})
