import { assert, layer } from "@effect/vitest"
import { Console, Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"
import { ClusterFixture } from "../../src/cluster/ClusterFixture.ts"
import * as DocCommands from "../../src/cluster/DocCommands.ts"
import * as Helm from "../../src/cluster/Helm.ts"
import * as Load from "../../src/cluster/Load.ts"
import * as Replicas from "../../src/cluster/Replicas.ts"
import * as Volumes from "../../src/cluster/Volumes.ts"
import * as CredentialsFile from "../../src/program/CredentialsFile.ts"
import type { LayoutImage } from "../../src/machine/ImageLayout.ts"
import * as KubeCluster from "../../src/servers/KubeCluster.ts"
import { showLogsOnFailure } from "../../src/machine/Logs.ts"
import * as Eventually from "../../src/machine/Eventually.ts"
import * as SecureClient from "../../src/clients/SecureClient.ts"
import { layerOptions, RegistryFixture } from "../../src/fixtures/RegistryFixture.ts"

const replaced = fileURLToPath(new URL("../../fixtures/replaced-service.yaml", import.meta.url))

/** Makes a shell for the commands in docs/operations.md. Its variable `digest` contains the digest of the image. */
const shellFor = (image: LayoutImage | undefined) =>
  Effect.gen(function* () {
    const { helm } = yield* ClusterFixture
    return yield* DocCommands.makeShell({ ...helm.shellVariables, digest: image?.digest ?? "" })
  })

/** Sends a package request with the clients' token to each master, and asserts the status of each response. */
const serves = Effect.fnUntraced(function* (image: LayoutImage | undefined, status = 200) {
  const token = yield* Replicas.clientToken
  for (const endpoint of yield* Replicas.endpoints) {
    const url = `https://${endpoint}/package?digest=${image?.digest ?? ""}&repository=&path=`
    assert.strictEqual(yield* SecureClient.statusOf(url, { token }), status)
  }
})

const fingerprints = Effect.gen(function* () {
  const endpoints = yield* Replicas.endpoints
  const answers = yield* Effect.forEach(endpoints, (endpoint) =>
    SecureClient.send(`https://${endpoint}/healthz`)
  )
  return answers.map(({ serverFingerprint }) => serverFingerprint)
})

const restarts = Effect.map(ClusterFixture, ({ nodes }) =>
  nodes.masters().map(({ pods }) =>
    pods()
      .map(({ pod }) => pod.metadata.uid)
      .join()
  )
)

layer(ClusterFixture.layer, layerOptions)("The commands of docs/operations.md", (it) => {
  let images: ReadonlyArray<LayoutImage> = []

  it.effect("are the same in the Russian translation", () =>
    Effect.gen(function* () {
      const { english, russian } = yield* DocCommands.operationsBlocks
      assert.isAbove(english.size, 8)
      assert.deepStrictEqual([...russian], [...english])
      images = yield* Load.pushPackages
    }).pipe(showLogsOnFailure)
  )

  it.effect("migrate from the replaced service and back: clients keep token, port and parameters", () =>
    Effect.gen(function* () {
      const { admin } = yield* ClusterFixture
      const shell = yield* shellFor(images[0])
      for (const object of yield* KubeCluster.readObjects(replaced)) yield* admin.apply(object)
      yield* Replicas.awaitReady(3)
      yield* serves(images[0])
      const token = yield* Replicas.clientToken
      yield* shell.run("values")
      yield* shell.run("take-over")
      yield* Replicas.awaitReady(3)
      yield* serves(images[1])
      assert.strictEqual(yield* Replicas.clientToken, token, "clients keep their token")
      const pods = yield* Replicas.all
      assert.isTrue(pods.every(({ spec }) => spec.containers.length === 1))
      yield* shell.run("give-back")
      yield* Replicas.awaitReady(3)
      yield* serves(images[2])
      const back = yield* Replicas.all
      assert.isTrue(back.every(({ spec }) => spec.containers.length === 2))
      for (const object of (yield* KubeCluster.readObjects(replaced)).toReversed())
        yield* admin.remove(object)
      yield* Replicas.awaitReady(0)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("install, check, drain, renew the certificate without a restart, upgrade and roll back", () =>
    Effect.gen(function* () {
      const { admin } = yield* ClusterFixture
      const shell = yield* shellFor(images[0])
      yield* shell.run("values")
      yield* shell.run("install")
      yield* Console.log(yield* shell.run("check"))
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.readFile(`${shell.directory}/package.tar.gz`)
      assert.deepStrictEqual(file, yield* fs.readFile(images[0]?.package.path ?? ""))

      // The serving certificate is valid for the masters' addresses. Clients find its CA in a ConfigMap.
      const config = yield* Volumes.readData(
        admin,
        Helm.namespace,
        "configmaps",
        "registry-packages-proxy-config"
      )
      assert.deepStrictEqual(JSON.parse(config["endpoints"] ?? ""), yield* Replicas.endpoints)
      for (const endpoint of yield* Replicas.endpoints) {
        const verified = SecureClient.statusOf(`https://${endpoint}/readyz`, { ca: config["ca.crt"] ?? "" })
        assert.strictEqual(yield* verified, 200)
      }

      yield* shell.run("drain")
      yield* Replicas.awaitReady(3)
      const before = { fingerprints: yield* fingerprints, pods: yield* restarts }
      yield* shell.run("renew-certificate")
      const areNew = Effect.map(fingerprints, (now) => now.every((one) => !before.fingerprints.includes(one)))
      yield* Eventually.isTrue("new certificates", areNew, { times: 150, intervalMillis: 200 })
      assert.deepStrictEqual(yield* restarts, before.pods, "no pod was replaced")
      const kept = yield* Volumes.readData(
        admin,
        Helm.namespace,
        "configmaps",
        "registry-packages-proxy-config"
      )
      assert.strictEqual(kept["ca.crt"], config["ca.crt"], "the authority is the same")

      yield* shell.run("upgrade")
      yield* Replicas.awaitReady(3)
      yield* shell.run("roll-back")
      yield* Replicas.awaitReady(3)
      yield* serves(images[1])
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("put kube-rbac-proxy in front, and remove it again", () =>
    Effect.gen(function* () {
      const shell = yield* shellFor(images[0])
      yield* shell.run("values")
      yield* shell.run("kube-rbac-proxy")
      yield* Replicas.awaitReady(3)
      assert.isTrue((yield* Replicas.all).every(({ spec }) => spec.containers.length === 2))
      yield* serves(images[3])
      const [endpoint] = yield* Replicas.endpoints
      assert.strictEqual(
        yield* SecureClient.statusOf(`https://${endpoint}/package?digest=${images[3]?.digest ?? ""}`),
        401
      )
      yield* shell.run("install")
      yield* Replicas.awaitReady(3)
      yield* serves(images[3])
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect(
    "serve without a reachable collector, and Prometheus' account reads the count of lost traces",
    () =>
      Effect.gen(function* () {
        const { admin, tokenOf } = yield* ClusterFixture
        const [name, namespace] = ["prometheus", "d8-monitoring"]
        yield* admin.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } })
        yield* admin.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } })
        const token = yield* tokenOf({ name, namespace })
        const shell = yield* shellFor(images[0])
        yield* shell.run("values")
        yield* shell.run("telemetry")
        yield* Replicas.awaitReady(3)
        yield* serves(images[3])
        for (const endpoint of yield* Replicas.endpoints) {
          const metrics = Effect.map(
            SecureClient.send(`https://${endpoint}/metrics`, { token }),
            ({ body }) => body.toString()
          )
          yield* Eventually.isTrue(
            "traces that were lost",
            Effect.map(metrics, (text) =>
              /^registry_packages_proxy_telemetry_lost_total\{signal="traces"\} [1-9]/m.test(text)
            ),
            { times: 300, intervalMillis: 200 }
          )
        }
      }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("read credentials from a file if the cluster has none", () =>
    Effect.gen(function* () {
      const { admin } = yield* ClusterFixture
      const { registry } = yield* RegistryFixture
      const shell = yield* shellFor(images[0])
      yield* admin.send("DELETE", "/api/v1/namespaces/d8-system/secrets/deckhouse-registry")
      yield* admin.send(
        "DELETE",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modulesources.deckhouse.io"
      )
      yield* CredentialsFile.write(`${shell.directory}/credentials.yaml`, registry)
      yield* shell.run("values")
      yield* shell.run("credentials")
      yield* Replicas.awaitReady(3)
      yield* serves(images[4])
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("uninstall, and apply the plain manifests", () =>
    Effect.gen(function* () {
      const shell = yield* shellFor(images[0])
      yield* shell.run("uninstall")
      yield* Replicas.awaitReady(0)
      yield* shell.run("manifests")
      yield* Replicas.awaitReady(3)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
