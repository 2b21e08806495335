/**
 * Runs the proxy with credentials from a vault. A new password works at once, because each pull reads the password from
 * the vault.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  CredentialError,
  CredentialStore,
  UnknownRepository
} from "@registry-packages-proxy/credential-store"
import { DigestCache } from "@registry-packages-proxy/digest-cache"
import { Logging, Program } from "@registry-packages-proxy/proxy"
import { TestRegistry } from "@registry-packages-proxy/testkit"
import { Console, Effect, Layer, Option, Redacted, Ref } from "effect"
import { FetchHttpClient } from "effect/http"
import { download } from "./Download.ts"
import { settings } from "./LocalSettings.ts"

/** Simulates the vault, which holds the password of a single user. */
const vault = Ref.makeUnsafe(Redacted.make("of last month"))

const status = { synced: true, waitingFor: [], upToDate: true, sources: 1, lastSync: Option.none() }

const credentials = Layer.effect(
  CredentialStore,
  Effect.map(TestRegistry, (registry) =>
    CredentialStore.of({
      get: (repository) =>
        Option.isSome(repository)
          ? new CredentialError({ reason: new UnknownRepository({ repository, upToDate: true }) })
          : Effect.map(Ref.get(vault), (password) =>
              registry.source("packages", { credential: { _tag: "Basic", username: "proxy", password } })
            ),
      status: Effect.succeed(status)
    })
  )
)

const registry = TestRegistry.layer({
  auth: { _tag: "Bearer", username: "proxy", password: "of this month" }
})

const proxy = Program.layerServer(settings).pipe(
  Layer.provide([credentials, DigestCache.layerDisabled, Program.layerRegistry({ env: {} })]),
  Layer.provideMerge(registry),
  Layer.provide([NodeServices.layer, Logging.layer(settings)])
)

const program = Effect.gen(function* () {
  const { putPackage } = yield* TestRegistry
  const kubelet = yield* putPackage("packages", new TextEncoder().encode("would be a tar"))
  yield* download("kubelet, old password", kubelet.digest)
  yield* Ref.set(vault, Redacted.make("of this month"))
  yield* Console.log("the password was rotated")
  yield* download("kubelet, new password", kubelet.digest)
})

program.pipe(Effect.provide(Layer.mergeAll(proxy, FetchHttpClient.layer)), NodeRuntime.runMain)
