import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { FakeKubernetes } from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetes"
import * as FakeKubernetesHttp from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetesHttp"
import { KubernetesApiAdmin, suite } from "@registry-packages-proxy/testkit/kubernetes/KubernetesApiSuite"
import { Effect, Layer, Redacted } from "effect"
import { ApiServer } from "../src/ApiServer.ts"
import { kubeconfig } from "../src/ClusterLocation.ts"
import { writeKubeconfig } from "./Kubeconfig.ts"

const path = "/api/v1/namespaces/testkit/configmaps"
const token = "a-token-of-the-suite"
const user = "system:serviceaccount:testkit:reader"

const make = (): FakeKubernetes => {
  const api = new FakeKubernetes({ collections: { [path]: "ConfigMap" } })
  // The suite requests this kind, which no server has.
  api.missingPaths.add("/apis/nothing.invalid/v1/namespaces/testkit/nothings")
  api.reviews.users.set(token, { username: user })
  api.reviews.allows = (access) => access.user === user && access.resourceAttributes["verb"] === "get"
  return api
}

const admin = (api: FakeKubernetes) =>
  Layer.succeed(KubernetesApiAdmin, {
    apply: (name, data) =>
      Effect.sync(() => api.apply(path, { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data })),
    remove: (name) => Effect.sync(() => api.remove(path, name)),
    token: Effect.succeed(Redacted.make(token)),
    user
  })

suite(
  "in memory",
  Layer.unwrap(
    Effect.sync(() => {
      const api = make()
      return Layer.merge(admin(api), KubernetesApi.layer.pipe(Layer.provide(api.layer)))
    })
  )
)

suite(
  "over HTTPS",
  Layer.unwrap(
    Effect.gen(function* () {
      const api = make()
      const tls = yield* Effect.flatMap(Certificates.makeAuthority, (authority) => authority.issue())
      const { origin } = yield* FakeKubernetesHttp.listen(api, {
        tls,
        accepts: (authorization) => authorization === "Bearer of-the-kubeconfig"
      })
      const file = yield* writeKubeconfig({
        server: origin,
        ca: tls.ca,
        user: { token: "of-the-kubeconfig" }
      })
      return Layer.merge(
        admin(api),
        KubernetesApi.layer.pipe(Layer.provide(ApiServer.layerNode(kubeconfig(file))))
      )
    })
  )
)
