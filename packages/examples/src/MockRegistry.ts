/** Runs the proxy with a mock registry, without network and credentials. The mock can simulate failures. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { DigestCache } from "@registry-packages-proxy/digest-cache"
import { Logging, Program } from "@registry-packages-proxy/proxy"
import { TimedOut } from "@registry-packages-proxy/registry-client"
import { CredentialStoreMock, RegistryClientMock } from "@registry-packages-proxy/testkit"
import { Console, Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { download } from "./Download.ts"
import { settings } from "./LocalSettings.ts"

/**
 * Credentials for the mock registry. Any host and prefix work, because the mock registry has the same packages in every
 * repository.
 */
const credentials = CredentialStoreMock.layer({
  sources: {
    "": CredentialStoreMock.registrySource({ host: "registry.example.com", repositoryPrefix: "packages" })
  }
})

const proxy = Program.layerServer(settings).pipe(
  Layer.provide([credentials, DigestCache.layerMemory({ cap: 64 * 1024 * 1024 })]),
  Layer.provideMerge(RegistryClientMock.layer()),
  Layer.provide([NodeServices.layer, Logging.layer(settings)])
)

const program = Effect.gen(function* () {
  const registry = yield* RegistryClientMock
  const kubelet = yield* registry.putPackage(new TextEncoder().encode("would be a tar"))
  yield* download("kubelet", kubelet.digest)
  yield* download("kubelet again", kubelet.digest)

  const containerd = yield* registry.putPackage(new TextEncoder().encode("another one"))
  yield* registry.injectFaults("resolve", { _tag: "Fail", reason: new TimedOut({ phase: "headers" }) })
  yield* download("containerd, registry stuck", containerd.digest)
  yield* download("containerd again", containerd.digest)
  yield* Console.log(`the registry gave ${yield* registry.callCount("blob")} blobs`)
})

program.pipe(Effect.provide(Layer.mergeAll(proxy, FetchHttpClient.layer)), NodeRuntime.runMain)
