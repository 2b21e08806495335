import { assert, layer } from "@effect/vitest"
import { chartDirectory } from "@registry-packages-proxy/deploy/Chart"
import { Clock, Console, Effect, Schedule } from "effect"
import { ClusterFixture } from "../../src/cluster/ClusterFixture.ts"
import * as Helm from "../../src/cluster/Helm.ts"
import * as Load from "../../src/cluster/Load.ts"
import * as Pod from "../../src/cluster/Pod.ts"
import * as Replicas from "../../src/cluster/Replicas.ts"
import * as Command from "../../src/run/Command.ts"
import type { LayoutImage } from "../../src/machine/ImageLayout.ts"
import { showLogsOnFailure } from "../../src/machine/Logs.ts"
import * as Eventually from "../../src/machine/Eventually.ts"
import { layerOptions } from "../../src/fixtures/RegistryFixture.ts"

/** The memory that the chart requests for registry-packages-proxy, in MiB. */
const requested = 128

/**
 * Asserts that clients downloaded more than 100 packages and that no download failed. Asserts that the registry
 * received at most `images.length` blob requests per pod, and that each replica used less than 1.2 times the requested
 * memory.
 */
const assertHeld = (result: Load.LoadResult, images: ReadonlyArray<LayoutImage>) => {
  assert.deepStrictEqual(result.failed, [])
  assert.isAbove(result.downloads, 100)
  assert.isAtMost(result.upstreamBlobRequests, images.length * result.podCount)
  assert.isBelow(result.peakMemoryMiB, requested * 1.2)
}

const timeout = 600_000

layer(ClusterFixture.layer, layerOptions)("Three masters", (it) => {
  let images: ReadonlyArray<LayoutImage> = []

  it.effect("have one replica each, ready in less than 10 s, and all of them serve", () =>
    Effect.gen(function* () {
      const { helm } = yield* ClusterFixture
      images = yield* Load.pushPackages
      const began = yield* Clock.currentTimeMillis
      yield* helm.install()
      const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
      yield* Console.log(`installed and ready in ${seconds.toFixed(1)} s`)
      assert.isBelow(seconds, 10)
      const pods = yield* Replicas.all
      assert.deepStrictEqual(
        new Set(pods.map(({ spec }) => spec.nodeName)),
        new Set(["master-1", "master-2", "master-3"])
      )
      assert.lengthOf(pods, 3)
      assert.isTrue(pods.every(Pod.isReady))
      const token = yield* Replicas.clientToken
      for (const endpoint of yield* Replicas.endpoints) {
        const url = `https://${endpoint}/package?digest=${images[0]?.digest ?? ""}&repository=&path=`
        const written = yield* Command.run("curl", [
          "--silent",
          "--show-error",
          "--insecure",
          "--fail",
          "--output",
          "/dev/null",
          "--write-out",
          "%{http_code} %{size_download}",
          "--header",
          `Authorization: Bearer ${token}`,
          url
        ])
        assert.strictEqual(written, `200 ${images[0]?.package.size ?? 0}`)
      }
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("have no room for a fourth replica, whose pod stays Pending with the reason", () =>
    Effect.gen(function* () {
      const { helm } = yield* ClusterFixture
      yield* helm.run(
        "upgrade",
        Helm.releaseName,
        chartDirectory,
        `--namespace=${Helm.namespace}`,
        "--set=replicas=4"
      )
      const pending = Replicas.all.pipe(
        Effect.map((pods) =>
          pods.find(({ status }) => status?.phase === "Pending")?.status?.conditions?.at(0)
        )
      )
      yield* Eventually.isTrue(
        "a pod that is Pending",
        Effect.map(pending, (found) => found?.reason === "Unschedulable")
      )
      assert.match(
        (yield* pending)?.message ?? "",
        /didn't match pod anti-affinity rules|didn't have free ports/
      )
      assert.match((yield* pending)?.message ?? "", /2 node\(s\) didn't match Pod's node affinity\/selector/)
      yield* helm.install()
      yield* Replicas.awaitReady(3)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect(
    "lose no download during rolling updates",
    () =>
      Effect.gen(function* () {
        const { helm } = yield* ClusterFixture
        let version = 0
        const update = Effect.suspend(() => helm.install(`--set-string=podAnnotations.version=${++version}`))
        const strain = yield* Load.loadDuring(
          "rolling updates",
          images,
          // helm would consider an interrupted upgrade as still in progress, and refuse further upgrades.
          Effect.uninterruptible(Effect.asVoid(update))
        )
        assert.isAtLeast(strain.podCount, 6)
        assertHeld(strain, images)
        yield* helm.install()
        yield* Replicas.awaitReady(3)
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout }
  )

  it.effect("are drained one at a time: the budget refuses the second with 429", () =>
    Effect.gen(function* () {
      const [first, second] = yield* Replicas.all
      assert.isDefined(first)
      assert.isDefined(second)
      yield* Replicas.evict(first)
      const refused = yield* Effect.flip(Replicas.evict(second))
      assert.strictEqual("status" in refused ? refused.status : 0, 429)
      assert.match(refused.message, /disruption budget/)
      yield* Replicas.awaitReady(3)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect(
    "lose no download when they are drained one after the other",
    () =>
      Effect.gen(function* () {
        const next = Effect.gen(function* () {
          for (const pod of yield* Replicas.all) {
            // Like `kubectl drain`, retries until the disruption budget allows the eviction.
            yield* Effect.retry(Replicas.evict(pod), {
              schedule: Schedule.spaced("500 millis"),
              times: 100,
              while: (error) => "status" in error && error.status === 429
            })
            yield* Replicas.awaitReady(3)
          }
        })
        const strain = yield* Load.loadDuring("drains", images, next)
        assert.isAbove(strain.podCount, 3)
        assertHeld(strain, images)
        yield* Replicas.awaitReady(3)
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout }
  )

  it.effect(
    "lose no download when replicas are killed, and pull nothing twice",
    () =>
      Effect.gen(function* () {
        const { nodes } = yield* ClusterFixture
        // Before the first replica is killed, every replica has cached every package.
        yield* Load.fillCaches(images)
        let turn = 0
        const kill = Effect.gen(function* () {
          const masters = nodes.masters()
          const pod = masters[turn++ % masters.length]?.pods()[0]
          if (pod === undefined) return
          const restarts = pod.restartCount()
          yield* pod.signal("SIGKILL")
          yield* Eventually.isTrue(
            "a restart",
            Effect.sync(() => pod.restartCount() > restarts)
          )
          // The kubelet delays later restarts by 10 s. Without a wait here, all replicas could be down at once.
          yield* Replicas.awaitReady(3)
        })
        const strain = yield* Load.loadDuring("kill -9", images, kill)
        assertHeld(strain, images)
        assert.strictEqual(strain.upstreamBlobRequests, 0)
        assert.isAtLeast(
          nodes.masters().reduce((sum, { pods }) => sum + (pods()[0]?.restartCount() ?? 0), 0),
          3
        )
        yield* Replicas.awaitReady(3)
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout }
  )

  it.effect(
    "lose no download when one is disconnected and reconnects",
    () =>
      Effect.gen(function* () {
        const { nodes } = yield* ClusterFixture
        const cut = Effect.gen(function* () {
          const master = nodes.byName("master-2")
          yield* Effect.sleep("3 seconds")
          yield* Effect.acquireUseRelease(
            master.disconnect,
            () => Effect.sleep("15 seconds"),
            () => master.reconnect
          )
          yield* Effect.sleep("5 seconds")
        })
        assertHeld(yield* Load.loadDuring("a partition", images, cut), images)
        yield* Replicas.awaitReady(3)
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout }
  )

  it.effect(
    "lose no download when one is removed, and have three replicas again after its replacement",
    () =>
      Effect.gen(function* () {
        const { nodes } = yield* ClusterFixture
        const lose = Effect.gen(function* () {
          yield* Effect.sleep("3 seconds")
          yield* nodes.remove("master-3")
          yield* Effect.sleep("10 seconds")
          yield* nodes.replace("master-3")
          yield* Effect.sleep("5 seconds")
        })
        assertHeld(yield* Load.loadDuring("a master gone", images, Effect.uninterruptible(lose)), images)
        yield* Replicas.awaitReady(3)
        assert.deepStrictEqual(
          nodes.masters().map((master) => master.maxRunningPods()),
          [1, 1, 1],
          "never two on one master"
        )
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout }
  )

  it.effect("keep nothing after the uninstallation", () =>
    Effect.gen(function* () {
      const { helm, nodes } = yield* ClusterFixture
      yield* helm.uninstall
      yield* Eventually.isTrue(
        "no pod runs",
        Effect.sync(() => nodes.all().every(({ pods }) => pods().length === 0))
      )
      const left = Command.run(
        "sh",
        [
          "-c",
          `kubectl api-resources --verbs=list --output=name | grep -v -e events -e reviews | paste -sd, |
           xargs -I{} kubectl get {} --all-namespaces --ignore-not-found --output=name \
             --selector=app=registry-packages-proxy`
        ],
        { env: helm.shellVariables }
      )
      // Endpoints are removed a moment after their Service.
      yield* Eventually.isTrue(
        "nothing is left",
        Effect.map(left, (names) => names === ""),
        { times: 20, intervalMillis: 500 }
      )
      assert.isEmpty(yield* Replicas.all)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
