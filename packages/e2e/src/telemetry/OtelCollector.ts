import { Effect, FileSystem, Path } from "effect"
import * as Daemon from "../machine/Daemon.ts"
import * as Eventually from "../machine/Eventually.ts"
import * as Ports from "../machine/Ports.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

const signals = ["traces", "metrics", "logs"] as const

/** Returns the collector's configuration as JSON, because JSON is valid YAML. */
const configuration = (port: number, fileOf: (signal: string) => string) =>
  JSON.stringify({
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: Object.fromEntries(
      signals.map((signal) => [`file/${signal}`, { path: fileOf(signal), flush_interval: "100ms" }])
    ),
    service: {
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
      pipelines: Object.fromEntries(
        signals.map((signal) => [signal, { receivers: ["otlp"], exporters: [`file/${signal}`] }])
      )
    }
  })

/**
 * Starts the OpenTelemetry Collector, which writes the received telemetry to files. The end of the scope stops the
 * collector.
 */
export const start = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-collector-" })
  const fileOf = (signal: string) => path.join(directory, `${signal}.json`)
  const port = yield* Ports.free
  const config = path.join(directory, "config.yaml")
  yield* fs.writeFileString(config, configuration(port, fileOf))
  const program = yield* ServerBuild.buildServer("collector")
  const daemon = yield* Daemon.start("collector", program, [`--config=${config}`])
  const endpoint = `http://127.0.0.1:${port}`
  const isUp = Effect.promise(() =>
    fetch(`${endpoint}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}"
    }).then(
      ({ ok }) => ok,
      () => false
    )
  )
  yield* Effect.raceFirst(Eventually.isTrue("the collector's port", isUp), daemon.exited)
  return {
    endpoint,
    /** Stops the collector. Afterwards, its files contain all telemetry that it has received. */
    stop: daemon.stop(),
    /** Returns the received telemetry of a signal, as one JSON object per line. Empty if none was received. */
    receivedData: (signal: (typeof signals)[number]) =>
      fs.readFileString(fileOf(signal)).pipe(Effect.orElseSucceed(() => ""))
  }
})
