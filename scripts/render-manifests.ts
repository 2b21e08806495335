/**
 * Writes packages/deploy/manifest.yaml and rbac.yaml from the chart. Uses helm from PATH, or builds helm from a Go
 * module of the end-to-end tests.
 */
import { Console, Effect, Option } from "effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { writeFileSync } from "node:fs"
import * as Manifests from "../packages/e2e/src/cluster/Manifests.ts"
import * as ServerBuild from "../packages/e2e/src/run/ServerBuild.ts"
import { findInPath } from "../packages/e2e/src/run/Which.ts"

NodeRuntime.runMain(
  Effect.gen(function* () {
    const helm =
      Option.getOrUndefined(yield* findInPath("helm")) ??
      (yield* ServerBuild.buildServer("helm", Console.error))
    for (const { file, text } of yield* Manifests.render(helm)) writeFileSync(file, text)
  }).pipe(Effect.provide(NodeServices.layer))
)
