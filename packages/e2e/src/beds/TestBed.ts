import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import * as CredentialsFile from "../program/CredentialsFile.ts"
import * as ImageLayout from "../machine/ImageLayout.ts"
import { Logs } from "../machine/Logs.ts"
import * as Distribution from "../registries/Distribution.ts"

const makeBed = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const registry = yield* Distribution.make("docker-registry", "docker-registry")
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-e2e-" })
  const credentialsFile = path.join(directory, "credentials.yaml")
  yield* CredentialsFile.write(credentialsFile, registry)
  return {
    registry,
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
export class TestBed extends Context.Service<TestBed, Effect.Success<typeof makeBed>>()(
  "@registry-packages-proxy/e2e/TestBed"
) {
  /** Over Debian's registry; everything is stopped and removed after the last test. */
  static readonly layerDebian = Layer.effect(TestBed, makeBed).pipe(Layer.provideMerge(layerParts))
}

/** How the tests of a group share their bed: with the true clock and console. */
export const options = { excludeTestServices: true, timeout: "2 minutes" } as const
