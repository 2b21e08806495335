import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { ApiServer } from "@registry-packages-proxy/kubernetes/ApiServer"
import type { Resource } from "@registry-packages-proxy/kubernetes/Resource"
import { Effect, Layer, Scope, Stream } from "effect"
import type { ControlPlane } from "./ControlPlane.ts"
import type { Images } from "./Images.ts"
import * as Kubelet from "./Kubelet.ts"
import * as Pod from "./Pod.ts"

const resource: Resource<Pod.Pod> = { group: "", version: "v1", kind: "Pod", plural: "pods", schema: Pod.Pod }

/**
 * Addresses of this machine's loopback network that are the cluster's own, so that several can be on one machine: the node
 * of number N has 127.X.Y.N, and 127.X.Y.(100+N) for what is 127.0.0.1 on it.
 */
const makeNetwork = Effect.sync(() => {
  const part = () => 1 + Math.floor(Math.random() * 254)
  const network = `127.${part()}.${part()}`
  return (number: number) => ({ address: `${network}.${number}`, loopback: `${network}.${100 + number}` })
})

/** Machines for a control plane: masters, then workers. */
export const make = Effect.fnUntraced(function* (
  { admin, kubeconfig, port }: ControlPlane,
  images: Images,
  counts: { readonly masters: number; readonly workers: number }
) {
  const network = yield* makeNetwork
  // A machine that comes later stays as long as the others.
  const scope = yield* Effect.scope
  const kubelets = new Map<string, Kubelet.Kubelet>()
  const start = Effect.fnUntraced(function* (name: string, number: number) {
    const variables = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: `${port}` }
    const isMaster = name.startsWith("master")
    const kubelet = yield* Scope.provide(
      Kubelet.make({ name, isMaster, ...network(number) }, { admin, images, variables }),
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

  /** The pods there are, by their URL paths. */
  const pods = new Map<string, Pod.Pod>()
  const tell = (pod: Pod.Pod) => {
    pods.set(Pod.path(pod), pod)
    return kubelets.get(pod.spec.nodeName ?? "")?.tell({ _tag: "There", pod }) ?? Effect.void
  }
  const forget = (path: string) => {
    const kubelet = kubelets.get(pods.get(path)?.spec.nodeName ?? "")
    pods.delete(path)
    return kubelet?.tell({ _tag: "Gone", path }) ?? Effect.void
  }
  const layerApi = KubernetesApi.layer.pipe(
    Layer.provide(ApiServer.layerNode(ClusterLocation.kubeconfig(kubeconfig)))
  )
  yield* KubernetesApi.use((api) =>
    Stream.runForEach(api.listWatch(resource), (event) => {
      switch (event._tag) {
        case "Synced":
          return Effect.forEach(event.objects, tell, { discard: true })
        case "Added":
        case "Modified":
          return tell(event.object)
        case "Deleted": {
          const { name, namespace = "" } = event.key
          return forget(`/api/v1/namespaces/${namespace}/pods/${name}`)
        }
        default:
          return Effect.void
      }
    })
  ).pipe(Effect.provide(layerApi), Effect.forkScoped)

  const of = (name: string) => {
    const kubelet = kubelets.get(name)
    if (kubelet === undefined) throw new Error(`there is no node ${name}`)
    return kubelet
  }
  return {
    /** The node of this name. */
    of,
    all: (): ReadonlyArray<Kubelet.Kubelet> => [...kubelets.values()],
    masters: (): ReadonlyArray<Kubelet.Kubelet> => [...kubelets.values()].filter(({ isMaster }) => isMaster),
    /** A machine with the name and address of one that is gone; it finds what is bound to its node. */
    replace: Effect.fnUntraced(function* (name: string) {
      yield* start(name, names.indexOf(name) + 1)
      const bound = [...pods.values()].filter(({ spec }) => spec.nodeName === name)
      yield* Effect.forEach(bound, tell, { discard: true })
    }),
    /** Takes a machine away for good: its power, then its Node. */
    remove: Effect.fnUntraced(function* (name: string) {
      yield* of(name).powerOff
      kubelets.delete(name)
      yield* admin.send("DELETE", `/api/v1/nodes/${name}`)
    })
  }
})

/** The machines of a cluster. */
export type Nodes = Effect.Success<ReturnType<typeof make>>
