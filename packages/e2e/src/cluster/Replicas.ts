import { Effect, Schema } from "effect"
import * as Eventually from "../machine/Eventually.ts"
import { ClusterFixture } from "./ClusterFixture.ts"
import * as Helm from "./Helm.ts"
import * as Pod from "./Pod.ts"
import * as Volumes from "./Volumes.ts"

const decodePods = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ items: Schema.Array(Pod.Pod) }))
)

const path = `/api/v1/namespaces/${Helm.namespace}/pods?labelSelector=app%3D${Helm.releaseName}`

/** All pods of the program, as the API server returns them. */
export const all = Effect.gen(function* () {
  const { admin } = yield* ClusterFixture
  return (yield* decodePods(yield* admin.get(path))).items
})

const isServing = (pod: Pod.Pod): boolean => Pod.isReady(pod) && pod.metadata.deletionTimestamp === undefined

/** Waits until exactly `count` pods exist and all are ready. A terminating pod counts as a pod that is not ready. */
export const awaitReady = (count: number) =>
  Eventually.isTrue(
    `${count} ready replicas`,
    Effect.map(all, (pods) => pods.length === count && pods.every(isServing)),
    { times: 300, intervalMillis: 200 }
  )

/** The token of clients, from the Secret of the ServiceAccount registry-packages-proxy. */
export const clientToken = Effect.gen(function* () {
  const { admin } = yield* ClusterFixture
  const { token = "" } = yield* Volumes.readData(
    admin,
    Helm.namespace,
    "secrets",
    "registry-packages-proxy-token"
  )
  return token
})

/** `host:port` of the program on every master. */
export const endpoints = Effect.map(ClusterFixture, ({ nodes }) =>
  nodes.masters().map(({ address }) => `${address}:4219`)
)

/** Evicts a pod, like `kubectl drain`. Fails with the status 429 if the disruption budget forbids the eviction. */
export const evict = Effect.fnUntraced(function* (pod: Pod.Pod) {
  const { admin } = yield* ClusterFixture
  const { name, namespace } = pod.metadata
  yield* admin.send("POST", `${Pod.path(pod)}/eviction`, {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace }
  })
})
