import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer } from "effect"
import * as CodeCache from "./process/CodeCache.ts"
import * as CommandLine from "./config/CommandLine.ts"
import { ProcessEnvironment } from "./config/ProcessEnvironment.ts"
import * as Logging from "./logging/Logging.ts"
import * as NodeOptions from "./config/NodeOptions.ts"
import * as NodeWarnings from "./process/NodeWarnings.ts"
import * as Program from "./Program.ts"
import * as ProcessMain from "./process/ProcessMain.ts"
import * as Telemetry from "./Telemetry.ts"
import * as TelemetrySettings from "./telemetry/TelemetrySettings.ts"

Effect.gen(function* () {
  const { args, env } = yield* ProcessEnvironment
  const settings = yield* CommandLine.parse(args, env)
  const telemetry = yield* Effect.fromResult(TelemetrySettings.parse(env))
  return yield* Program.layer(settings, { env }).pipe(
    Layer.merge([NodeWarnings.layer, NodeOptions.layer, CodeCache.layer]),
    Layer.provide(Telemetry.layer(telemetry)),
    Layer.provide(Logging.layer(settings)),
    Layer.launch
  )
}).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]), ProcessMain.runMain)
