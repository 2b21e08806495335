import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Certificates from "@registry-packages-proxy/testkit/Certificates"
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import * as CredentialsFile from "./CredentialsFile.ts"
import * as ImageLayout from "./ImageLayout.ts"
import { Logs } from "./Logs.ts"
import * as Registry from "./Registry.ts"
import * as TokenServer from "./TokenServer.ts"

const makeBed = Effect.fnUntraced(function* (command: string, wantsTokens: boolean) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const authority = yield* Certificates.makeAuthority
  const tokens = wantsTokens ? yield* TokenServer.make(authority, Registry.account) : undefined
  const registry = yield* Registry.make({
    name: path.basename(command),
    command,
    authority,
    ...(tokens === undefined ? {} : { tokens })
  })
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-e2e-" })
  const credentialsFile = path.join(directory, "credentials.yaml")
  yield* CredentialsFile.write(credentialsFile, registry)
  return {
    registry,
    /** The scopes of the tokens given out, where the registry wants such. */
    grants: () => tokens?.grants() ?? [],
    layout: yield* ImageLayout.make,
    /** For whatever a test writes. */
    directory,
    /** The registry's true credentials; tests that want others write their own. */
    credentialsFile
  }
})

/** What tests that start programs need, a registry or none. */
export const layerParts = Logs.layer.pipe(
  Layer.provideMerge(NodeHttpClient.layerNodeHttp),
  Layer.provideMerge(NodeServices.layer)
)

/** A registry with passwords and its own CA, a layout to push from, and a directory, for one group of tests. */
export class TestBed extends Context.Service<TestBed, Effect.Success<ReturnType<typeof makeBed>>>()(
  "@registry-packages-proxy/e2e/TestBed"
) {
  /** Over the registry that `command` starts; everything is stopped and removed after the last test. */
  static readonly layer = <E, R>(command: Effect.Effect<string, E, R>, { wantsTokens = false } = {}) =>
    Layer.effect(
      TestBed,
      Effect.flatMap(command, (path) => makeBed(path, wantsTokens))
    ).pipe(Layer.provideMerge(layerParts))

  /** Over Debian's registry. */
  static readonly layerDebian = TestBed.layer(Effect.succeed("docker-registry"))
}

/** How the tests of a group share their bed: with the true clock and console. */
export const options = { excludeTestServices: true, timeout: "2 minutes" } as const
