import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { ApiServer } from "@registry-packages-proxy/kubernetes/ApiServer"
import type { Resource } from "@registry-packages-proxy/kubernetes/Resource"
import { Effect, Layer, Scope, Stream } from "effect"
import type { ControlPlane } from "./ControlPlane.ts"
import type { FindImage } from "./Images.ts"
import * as Kubelet from "./Kubelet.ts"
import * as Pod from "./Pod.ts"

const resource: Resource<Pod.Pod> = { group: "", version: "v1", kind: "Pod", plural: "pods", schema: Pod.Pod }

/**
 * Picks a random loopback network 127.X.Y.0/24, so that several clusters can run on this machine. Returns a function
 * that maps the number N of a node to the node's addresses. Node N has the address 127.X.Y.N. Its pods use
 * 127.X.Y.(100+N) instead of 127.0.0.1.
 */
const makeNetwork = Effect.sync(() => {
  const part = () => 1 + Math.floor(Math.random() * 254)
  const network = `127.${part()}.${part()}`
  return (number: number) => ({
    address: `${network}.${number}`,
    loopbackAddress: `${network}.${100 + number}`
  })
})

/**
 * Starts a kubelet for each master and each worker. Watches all pods. When a pod changes, notifies the kubelet that
 * runs on the pod's node.
 */
export const make = Effect.fnUntraced(function* (
  { admin, kubeconfig, port }: ControlPlane,
  findImage: FindImage,
  counts: { readonly masters: number; readonly workers: number }
) {
  const network = yield* makeNetwork
  // Nodes that `replace` starts later end with this scope too.
  const scope = yield* Effect.scope
  const kubelets = new Map<string, Kubelet.Kubelet>()
  const start = Effect.fnUntraced(function* (name: string, number: number) {
    const serviceVariables = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: `${port}` }
    const isMaster = name.startsWith("master")
    const kubelet = yield* Scope.provide(
      Kubelet.make({ name, isMaster, ...network(number) }, { admin, findImage, serviceVariables }),
      scope
    )
    kubelets.set(name, kubelet)
    return kubelet
  })
  const names = [
    ...Array.from({ length: counts.masters }, (_, index) => `master-${index + 1}`),
    ...Array.from({ length: counts.workers }, (_, index) => `worker-${index + 1}`)
  ]
  yield* Effect.forEach(names, (name, index) => start(name, index + 1), { discard: true })

  /** The pods that exist in the API server, by URL path. */
  const pods = new Map<string, Pod.Pod>()
  const notify = (pod: Pod.Pod) => {
    pods.set(Pod.apiPath(pod), pod)
    return kubelets.get(pod.spec.nodeName ?? "")?.notify({ _tag: "Bound", pod }) ?? Effect.void
  }
  const notifyDeleted = (path: string) => {
    const kubelet = kubelets.get(pods.get(path)?.spec.nodeName ?? "")
    pods.delete(path)
    return kubelet?.notify({ _tag: "Deleted", path }) ?? Effect.void
  }
  const layerApi = KubernetesApi.layer.pipe(
    Layer.provide(ApiServer.layerNode(ClusterLocation.kubeconfig(kubeconfig)))
  )
  yield* KubernetesApi.use((api) =>
    Stream.runForEach(api.listWatch(resource), (event) => {
      switch (event._tag) {
        case "Synced":
          return Effect.forEach(event.objects, notify, { discard: true })
        case "Added":
        case "Modified":
          return notify(event.object)
        case "Deleted": {
          const { name, namespace = "" } = event.key
          return notifyDeleted(`/api/v1/namespaces/${namespace}/pods/${name}`)
        }
        default:
          return Effect.void
      }
    })
  ).pipe(Effect.provide(layerApi), Effect.forkScoped)

  const byName = (name: string) => {
    const kubelet = kubelets.get(name)
    if (kubelet === undefined) throw new Error(`no node ${name}`)
    return kubelet
  }
  return {
    /** Returns the kubelet of the node with this name. Throws if there is no such node. */
    byName,
    all: (): ReadonlyArray<Kubelet.Kubelet> => [...kubelets.values()],
    masters: (): ReadonlyArray<Kubelet.Kubelet> => [...kubelets.values()].filter(({ isMaster }) => isMaster),
    /**
     * Starts a new node with the name and address of a removed node. The new node runs the pods that are still bound to
     * this name.
     */
    replace: Effect.fnUntraced(function* (name: string) {
      yield* start(name, names.indexOf(name) + 1)
      const bound = [...pods.values()].filter(({ spec }) => spec.nodeName === name)
      yield* Effect.forEach(bound, notify, { discard: true })
    }),
    /** Powers off a node and deletes its Node object. */
    remove: Effect.fnUntraced(function* (name: string) {
      yield* byName(name).powerOff
      kubelets.delete(name)
      yield* admin.send("DELETE", `/api/v1/nodes/${name}`)
    })
  }
})

export type Nodes = Effect.Success<ReturnType<typeof make>>
