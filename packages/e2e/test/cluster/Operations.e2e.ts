import { assert, layer } from "@effect/vitest"
import { Console, Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"
import { ClusterBed } from "../../src/cluster/ClusterBed.ts"
import * as DocCommands from "../../src/cluster/DocCommands.ts"
import * as Helm from "../../src/cluster/Helm.ts"
import * as Load from "../../src/cluster/Load.ts"
import * as Replicas from "../../src/cluster/Replicas.ts"
import * as Volumes from "../../src/cluster/Volumes.ts"
import * as CredentialsFile from "../../src/program/CredentialsFile.ts"
import type { Image } from "../../src/machine/ImageLayout.ts"
import * as KubeCluster from "../../src/servers/KubeCluster.ts"
import { shownOnFailure } from "../../src/machine/Logs.ts"
import * as Poll from "../../src/machine/Poll.ts"
import * as SecureClient from "../../src/clients/SecureClient.ts"
import { options, TestBed } from "../../src/beds/TestBed.ts"

const replaced = fileURLToPath(new URL("../../fixtures/replaced-service.yaml", import.meta.url))

/** A shell for the documentation's commands, with a package to fetch. */
const shellFor = (image: Image | undefined) =>
  Effect.gen(function* () {
    const { helm } = yield* ClusterBed
    return yield* DocCommands.shell({ ...helm.shell, digest: image?.digest ?? "" })
  })

/** Whether every master gives a package to the clients' token. */
const serves = Effect.fnUntraced(function* (image: Image | undefined, status = 200) {
  const token = yield* Replicas.clientToken
  for (const endpoint of yield* Replicas.endpoints) {
    const url = `https://${endpoint}/package?digest=${image?.digest ?? ""}&repository=&path=`
    assert.strictEqual(yield* SecureClient.statusOf(url, { token }), status)
  }
})

const fingerprints = Effect.gen(function* () {
  const endpoints = yield* Replicas.endpoints
  const answers = yield* Effect.forEach(endpoints, (endpoint) =>
    SecureClient.ask(`https://${endpoint}/healthz`)
  )
  return answers.map(({ fingerprint }) => fingerprint)
})

const restarts = Effect.map(ClusterBed, ({ nodes }) =>
  nodes.masters().map(({ pods }) =>
    pods()
      .map(({ pod }) => pod.metadata.uid)
      .join()
  )
)

layer(ClusterBed.layer, options)("What docs/operations.md says", (it) => {
  let images: ReadonlyArray<Image> = []

  it.effect("is what its Russian counterpart says, command by command", () =>
    Effect.gen(function* () {
      const { english, russian } = yield* DocCommands.pages
      assert.isAbove(english.size, 8)
      assert.deepStrictEqual([...russian], [...english])
      images = yield* Load.packages
    }).pipe(shownOnFailure)
  )

  it.effect(
    "takes over from the replaced service and gives back: clients keep token, port and parameters",
    () =>
      Effect.gen(function* () {
        const { admin } = yield* ClusterBed
        const shell = yield* shellFor(images[0])
        for (const object of yield* KubeCluster.objectsOf(replaced)) yield* admin.apply(object)
        yield* Replicas.ready(3)
        yield* serves(images[0])
        const token = yield* Replicas.clientToken
        yield* shell.run("values")
        yield* shell.run("take-over")
        yield* Replicas.ready(3)
        yield* serves(images[1])
        assert.strictEqual(yield* Replicas.clientToken, token, "clients keep their token")
        const pods = yield* Replicas.all
        assert.isTrue(pods.every(({ spec }) => spec.containers.length === 1))
        yield* shell.run("give-back")
        yield* Replicas.ready(3)
        yield* serves(images[2])
        const back = yield* Replicas.all
        assert.isTrue(back.every(({ spec }) => spec.containers.length === 2))
        for (const object of (yield* KubeCluster.objectsOf(replaced)).toReversed())
          yield* admin.remove(object)
        yield* Replicas.ready(0)
      }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect(
    "installs, checks, drains, renews the certificate without a restart, upgrades and goes back",
    () =>
      Effect.gen(function* () {
        const { admin } = yield* ClusterBed
        const shell = yield* shellFor(images[0])
        yield* shell.run("values")
        yield* shell.run("install")
        yield* Console.log(yield* shell.run("check"))
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.readFile(`${shell.directory}/package.tar.gz`)
        assert.deepStrictEqual(file, yield* fs.readFile(images[0]?.package.path ?? ""))

        // The certificate is for the masters, by an authority that clients can learn of.
        const config = yield* Volumes.data(
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
        yield* Replicas.ready(3)
        const before = { fingerprints: yield* fingerprints, pods: yield* restarts }
        yield* shell.run("renew-certificate")
        const areNew = Effect.map(fingerprints, (now) =>
          now.every((one) => !before.fingerprints.includes(one))
        )
        yield* Poll.untilTrue("new certificates", areNew, { times: 150, millis: 200 })
        assert.deepStrictEqual(yield* restarts, before.pods, "no pod was restarted for it")
        const kept = yield* Volumes.data(
          admin,
          Helm.namespace,
          "configmaps",
          "registry-packages-proxy-config"
        )
        assert.strictEqual(kept["ca.crt"], config["ca.crt"], "the authority is the same")

        yield* shell.run("upgrade")
        yield* Replicas.ready(3)
        yield* shell.run("roll-back")
        yield* Replicas.ready(3)
        yield* serves(images[1])
      }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("puts kube-rbac-proxy in front, and takes it away again", () =>
    Effect.gen(function* () {
      const shell = yield* shellFor(images[0])
      yield* shell.run("values")
      yield* shell.run("kube-rbac-proxy")
      yield* Replicas.ready(3)
      assert.isTrue((yield* Replicas.all).every(({ spec }) => spec.containers.length === 2))
      yield* serves(images[3])
      const [endpoint] = yield* Replicas.endpoints
      assert.strictEqual(
        yield* SecureClient.statusOf(`https://${endpoint}/package?digest=${images[3]?.digest ?? ""}`),
        401
      )
      yield* shell.run("install")
      yield* Replicas.ready(3)
      yield* serves(images[3])
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("serves beside a collector that is not there, and Prometheus' account reads what was lost", () =>
    Effect.gen(function* () {
      const { admin, tokenOf } = yield* ClusterBed
      const [name, namespace] = ["prometheus", "d8-monitoring"]
      yield* admin.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } })
      yield* admin.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } })
      const token = yield* tokenOf({ name, namespace })
      const shell = yield* shellFor(images[0])
      yield* shell.run("values")
      yield* shell.run("telemetry")
      yield* Replicas.ready(3)
      yield* serves(images[3])
      for (const endpoint of yield* Replicas.endpoints) {
        const metrics = Effect.map(SecureClient.ask(`https://${endpoint}/metrics`, { token }), ({ body }) =>
          body.toString()
        )
        yield* Poll.untilTrue(
          "traces that were lost",
          Effect.map(metrics, (text) =>
            /^registry_packages_proxy_telemetry_lost_total\{signal="traces"\} [1-9]/m.test(text)
          ),
          { times: 300, millis: 200 }
        )
      }
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("takes credentials from a file where the cluster has none", () =>
    Effect.gen(function* () {
      const { admin } = yield* ClusterBed
      const { registry } = yield* TestBed
      const shell = yield* shellFor(images[0])
      yield* admin.send("DELETE", "/api/v1/namespaces/d8-system/secrets/deckhouse-registry")
      yield* admin.send(
        "DELETE",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modulesources.deckhouse.io"
      )
      yield* CredentialsFile.write(`${shell.directory}/credentials.yaml`, registry)
      yield* shell.run("values")
      yield* shell.run("credentials")
      yield* Replicas.ready(3)
      yield* serves(images[4])
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("uninstalls, and applies the plain manifests", () =>
    Effect.gen(function* () {
      const shell = yield* shellFor(images[0])
      yield* shell.run("uninstall")
      yield* Replicas.ready(0)
      yield* shell.run("manifests")
      yield* Replicas.ready(3)
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
