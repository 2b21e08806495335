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

/** Lists all pods of registry-packages-proxy, including terminating pods. */
export const all = Effect.gen(function* () {
  const { admin } = yield* ClusterFixture
  return (yield* decodePods(yield* admin.get(path))).items
})

const isServing = (pod: Pod.Pod): boolean => Pod.isReady(pod) && pod.metadata.deletionTimestamp === undefined

/**
 * Waits up to one minute until exactly `count` pods of registry-packages-proxy exist and all are ready. A terminating
 * pod counts as not ready.
 */
export const awaitReady = (count: number) =>
  Eventually.isTrue(
    `${count} ready replicas`,
    Effect.map(all, (pods) => pods.length === count && pods.every(isServing)),
    { times: 300, intervalMillis: 200 }
  )

/** Reads the token that clients send, from the Secret `registry-packages-proxy-token` of the chart. */
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

/** `host:port` of registry-packages-proxy on each master. */
export const endpoints = Effect.map(ClusterFixture, ({ nodes }) =>
  nodes.masters().map(({ address }) => `${address}:4219`)
)

/** Evicts a pod, like `kubectl drain`. Fails with the status 429 if the PodDisruptionBudget forbids the eviction. */
export const evict = Effect.fnUntraced(function* (pod: Pod.Pod) {
  const { admin } = yield* ClusterFixture
  const { name, namespace } = pod.metadata
  yield* admin.send("POST", `${Pod.apiPath(pod)}/eviction`, {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace }
  })
})
