import { assert, layer } from "@effect/vitest"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import { kubeconfig } from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { ApiServer } from "@registry-packages-proxy/kubernetes/ApiServer"
import { KubernetesApiAdmin, suite } from "@registry-packages-proxy/testkit/kubernetes/KubernetesApiSuite"
import { Clock, Console, Effect, Layer, Redacted } from "effect"
import * as Download from "../src/clients/Download.ts"
import {
  KubernetesFixture,
  credentialsFor,
  startProgram,
  wrongPasswords
} from "../src/fixtures/KubernetesFixture.ts"
import * as KubeCluster from "../src/servers/KubeCluster.ts"
import { moduleSource, registrySecret } from "../src/servers/KubeObjects.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

/** Limits of polling for changes that registry-packages-proxy must notice within one second. */
const withinASecond = { times: 100, intervalMillis: 10 }

/**
 * Limits of polling for changes that registry-packages-proxy must notice within two minutes. Its backoff takes at most
 * one minute.
 */
const withinTwoMinutes = { times: 600, intervalMillis: 200 }

const pushed = Effect.fnUntraced(function* (name: string, seed: number, repository: string) {
  const { layout, registry } = yield* RegistryFixture
  const image = yield* layout.image({ name, size: 20 * 1024, seed })
  yield* registry.push(layout, image, repository)
  return image
})

const statusIs = (url: string, status: number, attempts?: Eventually.Attempts) =>
  Eventually.isTrue(
    `${status} from ${url}`,
    Effect.map(Download.statusOf(url), (found) => found === status),
    attempts
  )

const source = Effect.map(RegistryFixture, ({ registry: { ca, host } }) => (password?: string) => ({
  host,
  ca,
  credentials: credentialsFor(host, password)
}))

layer(KubernetesFixture.layer, layerOptions)("Kubernetes", (it) => {
  it.effect("serves a package within a second of its ModuleSource, and no more after its deletion", () =>
    Effect.gen(function* () {
      const { admin } = yield* KubernetesFixture
      const { registry } = yield* RegistryFixture
      const at = yield* source
      const images = yield* Effect.forEach([1, 2, 3, 4], (seed) => pushed(`module-${seed}`, seed, "one"))
      const program = yield* startProgram("modules")
      const repository = `${registry.host}/one`
      const [first, second, third, fourth] = images.map(({ digest }) =>
        program.packageUrl(digest, { repository })
      )
      const unknown = yield* Download.requestProblem(first ?? "")
      assert.strictEqual(unknown.status, 404)

      const began = yield* Clock.currentTimeMillis
      yield* admin.apply(moduleSource("one", "one", at()))
      const applied = yield* Clock.currentTimeMillis
      yield* statusIs(first ?? "", 200, withinASecond)
      const served = yield* Clock.currentTimeMillis
      yield* Console.log(
        `a ModuleSource: applied in ${applied - began} ms, served ${served - applied} ms later`
      )
      assert.isBelow(served - began, 1000)
      const pulled = yield* Download.downloadAndCompare(first ?? "", images[0]?.package.path ?? "")
      assert.deepInclude(pulled, { status: 200, isUnchanged: true })

      yield* admin.apply(moduleSource("one", "one", at(wrongPasswords[0])))
      yield* program.awaitLogLines(`"object read","object":"ModuleSource one"`, 2)
      const refused = yield* Download.requestProblem(second ?? "")
      assert.strictEqual(refused.status, 502)
      assert.match(refused.detail, /credentials/)
      assert.notInclude(refused.detail, wrongPasswords[0])
      yield* admin.apply(moduleSource("one", "one", at()))
      yield* statusIs(third ?? "", 200, withinASecond)

      yield* admin.remove(moduleSource("one", "one", at()))
      yield* program.awaitLogLines(`"object deleted","object":"ModuleSource one"`)
      assert.strictEqual(yield* Download.statusOf(fourth ?? ""), 404)
      assert.strictEqual(yield* Download.statusOf(first ?? ""), 200, "a cached package stays")
      assert.deepStrictEqual(yield* program.leakedSecrets(), [])
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect(
    "reads the Secret when it is created, its new passwords when it is rotated, and runs without it again",
    () =>
      Effect.gen(function* () {
        const { admin } = yield* KubernetesFixture
        const at = yield* source
        const images = yield* Effect.forEach([11, 12, 13, 14], (seed) => pushed(`own-${seed}`, seed, "sys"))
        const program = yield* startProgram("secret")
        const [first, second, third, fourth] = images.map(({ digest }) => program.packageUrl(digest))
        assert.strictEqual((yield* Download.requestProblem(first ?? "")).status, 404)
        yield* admin.apply(registrySecret("sys", at()))
        yield* statusIs(first ?? "", 200, withinASecond)
        yield* admin.apply(registrySecret("sys", at(wrongPasswords[1])))
        yield* program.awaitLogLines(`"object read","object":"Secret d8-system/deckhouse-registry"`, 2)
        yield* statusIs(second ?? "", 502)
        yield* admin.apply(registrySecret("sys", at()))
        yield* statusIs(third ?? "", 200, withinASecond)
        yield* admin.remove(registrySecret("sys", at()))
        yield* statusIs(fourth ?? "", 404, withinASecond)
        assert.deepStrictEqual(yield* program.leakedSecrets(), [])
      }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("tracks 500 ModuleSources", () =>
    Effect.gen(function* () {
      const { admin } = yield* KubernetesFixture
      const at = yield* source
      const program = yield* startProgram("many")
      const before = yield* ProcessMemory.read(program.pid)
      const many = Array.from({ length: 500 }, (_, index) =>
        moduleSource(`many-${index}`, `many/m${index}`, at())
      )
      yield* Effect.forEach(many, admin.apply, { concurrency: 8, discard: true })
      yield* Eventually.isTrue(
        "500 sources",
        Effect.map(program.metric("registry_packages_proxy_sources_known"), (known) => known === 500)
      )
      const after = yield* ProcessMemory.read(program.pid)
      yield* Console.log(
        `500 ModuleSources: resident ${before.residentMiB.toFixed(1)} MiB before, ${after.residentMiB.toFixed(1)} after, ${after.peakMiB.toFixed(1)} peak`
      )
      assert.isBelow(after.peakMiB - before.residentMiB, 100)
      const listed = yield* startProgram("many-listed")
      assert.strictEqual(yield* listed.metric("registry_packages_proxy_sources_known"), 500)
      yield* Effect.forEach(many, admin.remove, { concurrency: 8, discard: true })
      for (const one of [program, listed]) {
        yield* Eventually.isTrue(
          "no source",
          Effect.map(one.metric("registry_packages_proxy_sources_known"), (known) => known === 0)
        )
        assert.deepStrictEqual(yield* one.leakedSecrets(), [])
      }
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect(
    "keeps serving while the API server is down for a minute, and finds the changes although the history was compacted",
    () =>
      Effect.gen(function* () {
        const cluster = yield* KubernetesFixture
        const { registry } = yield* RegistryFixture
        const at = yield* source
        const images = yield* Effect.forEach([21, 22, 23], (seed) => pushed(`down-${seed}`, seed, "stays"))
        const added = yield* pushed("down-added", 24, "added")
        yield* cluster.admin.apply(moduleSource("stays", "stays", at()))
        yield* cluster.admin.apply(moduleSource("goes", "goes", at()))
        const program = yield* startProgram("down")
        const repository = `${registry.host}/stays`
        const [first, second, third] = images.map(({ digest }) => program.packageUrl(digest, { repository }))
        yield* statusIs(first ?? "", 200)
        const gone = program.packageUrl(images[0]?.digest.replace(/.{4}$/, "0000") ?? "", {
          repository: `${registry.host}/goes`
        })
        yield* cluster.whileDown(
          Effect.gen(function* () {
            yield* cluster.throughAnotherServer((admin) =>
              Effect.gen(function* () {
                yield* admin.apply(moduleSource("added", "added", at()))
                yield* admin.remove(moduleSource("goes", "goes", at()))
              })
            )
            yield* cluster.compact
            yield* Effect.sleep("60 seconds")
            yield* statusIs(second ?? "", 200, withinASecond)
            // Not 404, because the program cannot know whether the ModuleSource was created during the outage.
            const unknown = program.packageUrl(added.digest, { repository: `${registry.host}/added` })
            assert.strictEqual((yield* Download.requestProblem(unknown)).status, 503)
          })
        )
        yield* statusIs(
          program.packageUrl(added.digest, { repository: `${registry.host}/added` }),
          200,
          withinTwoMinutes
        )
        // The program sends 404 only when it watches the Secret again too. This watch has its own backoff.
        yield* statusIs(gone, 404, withinTwoMinutes)
        yield* statusIs(third ?? "", 200)
        assert.match(
          yield* program.metrics,
          /watch_restarts_total\{[^}]*reason="gone"[^}]*\} [1-9]/,
          "the API server responded 410"
        )
        for (const name of ["stays", "added"]) yield* cluster.admin.remove(moduleSource(name, name, at()))
        assert.deepStrictEqual(yield* program.leakedSecrets(), [])
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 400_000 }
  )

  it.effect(
    "logs that RBAC denies it, serves what it knows, and recovers when RBAC allows it again",
    () =>
      Effect.gen(function* () {
        const cluster = yield* KubernetesFixture
        const { registry } = yield* RegistryFixture
        const at = yield* source
        const known = yield* pushed("rbac-known", 31, "known")
        const later = yield* pushed("rbac-later", 32, "later")
        yield* cluster.admin.apply(moduleSource("known", "known", at()))
        const program = yield* startProgram("rbac")
        const [binding] = (yield* KubeCluster.readObjects(KubeCluster.rbacFile)).filter(
          ({ kind }) => kind === "ClusterRoleBinding"
        )
        assert.isDefined(binding)
        yield* cluster.admin.remove(binding)
        // The open watch does not notice the change. The restart makes the program list and watch again.
        yield* cluster.whileDown(Effect.void)
        yield* program.waitForLine(/RBAC does not allow us to list and watch modulesources\.deckhouse\.io/)
        yield* cluster.admin.apply(moduleSource("later", "later", at()))
        yield* statusIs(program.packageUrl(known.digest, { repository: `${registry.host}/known` }), 200)
        const url = program.packageUrl(later.digest, { repository: `${registry.host}/later` })
        assert.strictEqual((yield* Download.requestProblem(url)).status, 503)
        yield* cluster.admin.apply(binding)
        yield* statusIs(url, 200, withinTwoMinutes)
        const told = program.lines().filter((line) => /RBAC does not allow us.*modulesources/.test(line))
        assert.lengthOf(told, 1)
        for (const name of ["known", "later"]) yield* cluster.admin.remove(moduleSource(name, name, at()))
        assert.deepStrictEqual(yield* program.leakedSecrets(), [])
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 400_000 }
  )

  it.effect(
    "uses the current token of its file when the first one has expired",
    () =>
      Effect.gen(function* () {
        const cluster = yield* KubernetesFixture
        const { registry } = yield* RegistryFixture
        const at = yield* source
        const image = yield* pushed("rotated", 41, "rotated")
        const program = yield* startProgram("token", { lifetimeSeconds: 20 })
        const next = yield* cluster.tokenOf(KubeCluster.programServiceAccount)
        yield* program.replaceToken(next)
        yield* Effect.sleep("25 seconds")
        yield* cluster.whileDown(Effect.void)
        yield* cluster.admin.apply(moduleSource("rotated", "rotated", at()))
        const url = program.packageUrl(image.digest, { repository: `${registry.host}/rotated` })
        yield* statusIs(url, 200, withinTwoMinutes)
        assert.isEmpty(program.lines().filter((line) => line.includes("it rejects our credentials")))
        yield* cluster.admin.remove(moduleSource("rotated", "rotated", at()))
        assert.deepStrictEqual(yield* program.leakedSecrets([next]), [])
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 400_000 }
  )
})

const reader = { namespace: "testkit", name: "reader" }

suite(
  "kube-apiserver",
  Layer.unwrap(
    Effect.gen(function* () {
      const cluster = yield* KubernetesFixture
      const subjects = [{ kind: "ServiceAccount", ...reader }]
      const role = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: reader }
      yield* Effect.forEach(
        [
          { apiVersion: "v1", kind: "ServiceAccount", metadata: reader },
          { ...role, kind: "Role", rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }] },
          {
            ...role,
            kind: "RoleBinding",
            subjects,
            roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" }
          }
        ],
        cluster.admin.apply,
        { discard: true }
      )
      const configMap = (name: string, data: Readonly<Record<string, string>> = {}) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name, namespace: "testkit" },
        data
      })
      return Layer.merge(
        Layer.succeed(KubernetesApiAdmin, {
          apply: (name, data) => Effect.orDie(cluster.admin.apply(configMap(name, data))),
          remove: (name) => Effect.orDie(cluster.admin.remove(configMap(name))),
          token: Effect.map(Effect.orDie(cluster.tokenOf(reader)), (token) => Redacted.make(token)),
          user: "system:serviceaccount:testkit:reader"
        }),
        KubernetesApi.layer.pipe(
          Layer.provide(ApiServer.layerNode(kubeconfig(yield* cluster.adminKubeconfig)))
        )
      )
    })
  ).pipe(Layer.provide(KubernetesFixture.layer))
)
