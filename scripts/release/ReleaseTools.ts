import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Option } from "effect"
import * as ServerBuild from "../../packages/e2e/src/run/ServerBuild.ts"
import { findInPath } from "../../packages/e2e/src/run/Which.ts"

/**
 * Returns the path of the program `name`. If the program is not in PATH, builds it from a Go module of the end-to-end
 * tests.
 */
export const findOrBuildTool = (name: string): Promise<string> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const found = yield* findInPath(name)
      return Option.isSome(found) ? found.value : yield* ServerBuild.buildServer(name, Console.error)
    }).pipe(Effect.provide(NodeServices.layer))
  )
