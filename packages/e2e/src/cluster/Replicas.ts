import { Effect, Schema } from "effect"
import * as Poll from "../machine/Poll.ts"
import { ClusterBed } from "./ClusterBed.ts"
import * as Helm from "./Helm.ts"
import * as Pod from "./Pod.ts"
import * as Volumes from "./Volumes.ts"

const decodePods = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ items: Schema.Array(Pod.Pod) }))
)

const path = `/api/v1/namespaces/${Helm.namespace}/pods?labelSelector=app%3D${Helm.release}`

/** The program's pods, as the API server has them. */
export const all = Effect.gen(function* () {
  const { admin } = yield* ClusterBed
  return (yield* decodePods(yield* admin.text(path))).items
})

const isServing = (pod: Pod.Pod): boolean => Pod.isReady(pod) && pod.metadata.deletionTimestamp === undefined

/** Returns when as many pods are ready and there are no others, those that are being ended included. */
export const ready = (count: number) =>
  Poll.untilTrue(
    `${count} ready replicas`,
    Effect.map(all, (pods) => pods.length === count && pods.every(isServing)),
    { times: 300, millis: 200 }
  )

/** The token that clients use: that of the ServiceAccount registry-packages-proxy, from its Secret. */
export const clientToken = Effect.gen(function* () {
  const { admin } = yield* ClusterBed
  const { token = "" } = yield* Volumes.data(
    admin,
    Helm.namespace,
    "secrets",
    "registry-packages-proxy-token"
  )
  return token
})

/** `host:port` of every master. */
export const endpoints = Effect.map(ClusterBed, ({ nodes }) =>
  nodes.masters().map(({ address }) => `${address}:4219`)
)

/** Asks for a pod to be evicted, as a drain does; fails with the status and text of a refusal. */
export const evict = Effect.fnUntraced(function* (pod: Pod.Pod) {
  const { admin } = yield* ClusterBed
  const { name, namespace } = pod.metadata
  yield* admin.send("POST", `${Pod.path(pod)}/eviction`, {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace }
  })
})
