import { Context, Effect, Layer, Schema } from "effect"
import * as ServerBuild from "../run/ServerBuild.ts"
import { RegistryFixture } from "../fixtures/RegistryFixture.ts"
import * as ControlPlane from "./ControlPlane.ts"
import * as Helm from "./Helm.ts"
import * as Images from "./Images.ts"
import * as Nodes from "./Nodes.ts"

/** Pods cannot be started, because the tests do not run as root. */
export class CannotStartPods extends Schema.TaggedError<CannotStartPods>()("CannotStartPods", {
  message: Schema.String
}) {}

const make = Effect.gen(function* () {
  if (process.getuid?.() !== 0) {
    return yield* new CannotStartPods({
      message: "pods need mount namespaces, which only root can create: run this group as root"
    })
  }
  const controlPlane = yield* ControlPlane.make(yield* ServerBuild.buildServer("kube-apiserver"))
  const nodes = yield* Nodes.make(controlPlane, yield* Images.make, { masters: 3, workers: 2 })
  const helm = yield* Helm.make(controlPlane.kubeconfig)
  return { ...controlPlane, nodes, helm }
})

/**
 * Helm, and a Kubernetes cluster with a control plane, three masters and two workers. The layer also provides
 * `RegistryFixture`.
 */
export class ClusterFixture extends Context.Service<ClusterFixture, Effect.Success<typeof make>>()(
  "@registry-packages-proxy/e2e/ClusterFixture"
) {
  static readonly layer = Layer.effect(ClusterFixture, make).pipe(
    Layer.provideMerge(RegistryFixture.layerDebian)
  )
}
