import { Context, Effect, FileSystem, Layer, Path } from "effect"
import { fileURLToPath } from "node:url"
import * as KubeCluster from "../servers/KubeCluster.ts"
import * as ServerBuild from "../run/ServerBuild.ts"
import { layerPrograms } from "../fixtures/RegistryFixture.ts"
import * as Helm from "./Helm.ts"

const exceptions = fileURLToPath(new URL("../../fixtures/securitypolicyexception-crd.yaml", import.meta.url))

/**
 * The APIs that the chart uses only in clusters that have them. Each element is a value for helm's flag
 * `--api-versions`.
 */
export const optionalApis = [
  "autoscaling.k8s.io/v1/VerticalPodAutoscaler",
  "cert-manager.io/v1/Certificate",
  "deckhouse.io/v1alpha1/SecurityPolicyException",
  "gateway.networking.k8s.io/v1/TLSRoute",
  "monitoring.coreos.com/v1/PodMonitor",
  "monitoring.coreos.com/v1/PrometheusRule"
]

const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const cluster = yield* KubeCluster.make(yield* ServerBuild.buildServer("kube-apiserver"), {
    hasProgramAccount: false
  })
  const { admin } = cluster
  const definitions = yield* ServerBuild.buildServer("crds")
  const files = (yield* fs.readDirectory(definitions)).map((name) => path.join(definitions, name))
  for (const file of [...files, exceptions]) {
    const objects = (yield* KubeCluster.readObjects(file)).filter(
      ({ kind, metadata }) =>
        kind === "CustomResourceDefinition" &&
        // The chart does not use the autoscaler's second kind, VerticalPodAutoscalerCheckpoint.
        JSON.stringify(metadata).includes("checkpoint") === false
    )
    yield* Effect.forEach(objects, admin.apply, { discard: true })
  }
  yield* admin.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "d8-monitoring" } })
  for (const api of optionalApis) {
    const [group = "", version = "", kind = ""] = api.split("/")
    yield* admin.awaitServed(`/apis/${group}/${version}/${kind.toLowerCase()}s`)
  }
  return { ...cluster, helm: yield* Helm.make(yield* cluster.adminKubeconfig) }
})

/** Helm, and an API server that has every API that the chart uses, including all `optionalApis`. */
export class ChartFixture extends Context.Service<ChartFixture, Effect.Success<typeof make>>()(
  "@registry-packages-proxy/e2e/ChartFixture"
) {
  static readonly layer = Layer.effect(ChartFixture, make).pipe(Layer.provideMerge(layerPrograms))
}

/** Parses YAML documents that helm rendered, and returns the Kubernetes objects. */
export const parseObjects = (rendered: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.makeTempFileScoped({ suffix: ".yaml" })
    yield* fs.writeFileString(file, rendered)
    return yield* KubeCluster.readObjects(file)
  }).pipe(Effect.scoped)
