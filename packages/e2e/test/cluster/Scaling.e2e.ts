import { assert, layer } from "@effect/vitest"
import { simulate } from "@registry-packages-proxy/deploy/Scaling"
import { Console, Effect } from "effect"
import { ClusterFixture } from "../../src/cluster/ClusterFixture.ts"
import * as Fleet from "../../src/cluster/Fleet.ts"
import * as Load from "../../src/cluster/Load.ts"
import * as Replicas from "../../src/cluster/Replicas.ts"
import * as Throttle from "../../src/cluster/Throttle.ts"
import { clusterPath } from "../../src/program/CredentialsFile.ts"
import { credentialsFor } from "../../src/fixtures/KubernetesFixture.ts"
import { registrySecret } from "../../src/servers/KubeObjects.ts"
import { showLogsOnFailure } from "../../src/machine/Logs.ts"
import { layerOptions, RegistryFixture } from "../../src/fixtures/RegistryFixture.ts"

const mebibyte = 1024 * 1024
const upstreamRate = 4 * mebibyte
const runs = [
  { clients: 10, clientRate: 4 * mebibyte },
  { clients: 100, clientRate: mebibyte }
]

layer(ClusterFixture.layer, layerOptions)("The model of docs/scaling.md", (it) => {
  for (const { clientRate, clients } of runs) {
    it.effect(
      `matches ${clients} clients of three replicas with empty caches`,
      () =>
        Effect.gen(function* () {
          const { admin, helm } = yield* ClusterFixture
          const { registry } = yield* RegistryFixture
          const images = yield* Load.pushPackages
          const host = yield* Throttle.make(registry.host, upstreamRate)
          yield* admin.apply(
            registrySecret(clusterPath, { host, ca: registry.ca, credentials: credentialsFor(host) })
          )
          // A new annotation causes new pods, whose caches are empty.
          yield* helm.install(`--set-string=podAnnotations.clients=${clients}`)
          yield* Replicas.awaitReady(3)
          const before = yield* Load.countUpstreamBlobRequests(images)
          const fleet = yield* Fleet.start(images, {
            clientCount: clients,
            clientBytesPerSecond: clientRate,
            fetchesOnce: true,
            endpoints: yield* Replicas.endpoints,
            token: yield* Replicas.clientToken
          })
          yield* fleet.awaitDone
          const result = yield* fleet.result
          assert.deepStrictEqual(result.failed, [])
          assert.strictEqual(result.downloads, clients * images.length)
          const pulls = (yield* Load.countUpstreamBlobRequests(images)) - before
          assert.isAtMost(pulls, 3 * images.length)
          const packages = images.map(({ package: { size } }) => size)
          const model = simulate({
            masters: 3,
            nodes: clients,
            packageBytes: packages,
            // A limit of this machine: the same processors encrypt, decrypt and hash all bytes.
            masterBytesPerSecond: 100 * mebibyte,
            nodeBytesPerSecond: clientRate,
            upstreamBytesPerSecond: upstreamRate,
            cacheBytes: 1024 * mebibyte,
            requestSeconds: 0.02,
            startSeconds: 0.1,
            mastersShare: false,
            seed: 1
          })
          const times = result.doneAfter.toSorted((a, b) => a - b)
          const seconds = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(1)} s`
          yield* Console.log(
            `${clients} clients: all done after ${seconds(times.at(-1))} (model ${seconds(model.seconds)}), ` +
              `half after ${seconds(times[times.length >> 1])} (model ${seconds(model.medianSeconds)}), ` +
              `${pulls} pulls (model ${model.upstreamPulls})`
          )
        }).pipe(Effect.scoped, showLogsOnFailure),
      { timeout: 300_000 }
    )
  }
})
