import { Cause, Console, Effect, Exit, Latch, Queue, Schedule, Scope } from "effect"
import type { KubeAdmin } from "../servers/KubeAdmin.ts"
import type { FindImage } from "./Images.ts"
import * as Pod from "./Pod.ts"
import { timestamp } from "./PodStatus.ts"
import * as RunningPod from "./RunningPod.ts"

/** The name, role and addresses of a node. */
export interface NodeOptions {
  readonly name: string
  readonly isMaster: boolean
  /** Address on which the node's pods with hostNetwork listen. */
  readonly address: string
  /** Address that replaces 127.0.0.1 in the arguments and environment variables of the node's pods. */
  readonly loopbackAddress: string
}

/** Prints the cause if an effect of a kubelet fails, because such a failure is a bug of the tests. */
const printFailure = Effect.tapCause((cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.void : Console.error(Cause.pretty(cause))
)

/** An event about a pod that is bound to the kubelet's node. `Bound` reports a new or modified pod. */
export type PodEvent =
  | { readonly _tag: "Bound"; readonly pod: Pod.Pod }
  /** The pod was deleted from the API server. `path` is the pod's URL path. */
  | { readonly _tag: "Deleted"; readonly path: string }

const capacity = { cpu: "4", memory: "8Gi", "ephemeral-storage": "40Gi", pods: "110" }
const masterRole = "node-role.kubernetes.io/control-plane"

/** Returns the Node object that a kubelet registers, and the status of this object. */
const node = ({ address, isMaster, name }: NodeOptions) => ({
  object: {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        ...(isMaster ? { [masterRole]: "" } : {})
      }
    },
    spec: { taints: isMaster ? [{ key: masterRole, effect: "NoSchedule" }] : [] }
  },
  status: {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: name }
    ],
    conditions: [
      {
        type: "Ready",
        status: "True",
        reason: "KubeletReady",
        message: "the test kubelet runs",
        lastHeartbeatTime: timestamp(),
        lastTransitionTime: timestamp()
      }
    ]
  }
})

const lease = (name: string) => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name, namespace: "kube-node-lease" },
  spec: {
    holderIdentity: name,
    leaseDurationSeconds: 40,
    renewTime: new Date().toISOString().replace("Z", "000Z")
  }
})

/**
 * Starts a kubelet for tests. The kubelet registers its node, renews the node's lease, and runs the node's pods as
 * processes of this machine. It pulls no images. It does not support cgroups, network namespaces, evictions, init
 * containers, or pods without hostNetwork.
 */
export const make = Effect.fnUntraced(function* (
  options: NodeOptions,
  {
    admin,
    findImage,
    serviceVariables
  }: {
    readonly admin: KubeAdmin
    readonly findImage: FindImage
    /** Environment variables that every container gets, with the address of the API server. */
    readonly serviceVariables: Readonly<Record<string, string>>
  }
) {
  const { address, loopbackAddress, name } = options
  const scope = yield* Scope.fork(yield* Effect.scope)
  const connected = yield* Latch.make(true)
  const pods = new Map<string, RunningPod.RunningPod>()
  const ending = new Set<string>()
  let maxRunningPods = 0

  const register = Effect.suspend(() => {
    const { object, status } = node(options)
    return Effect.andThen(
      admin.apply(object),
      admin.send("PATCH", `/api/v1/nodes/${name}/status`, { status }, "merge")
    )
  })
  const renew = Effect.andThen(
    connected.await,
    Effect.suspend(() => admin.apply(lease(name)))
  )
  yield* register
  yield* renew.pipe(Effect.ignore, Effect.repeat(Schedule.spaced("2 seconds")), Effect.forkIn(scope))

  const handle = Effect.fnUntraced(function* (event: PodEvent) {
    yield* connected.await
    if (event._tag === "Deleted") {
      const gone = [...pods.values()].filter(({ pod }) => Pod.apiPath(pod) === event.path)
      for (const running of gone) yield* running.terminate(0).pipe(printFailure, Effect.forkIn(scope))
      return
    }
    const { pod } = event
    const { deletionGracePeriodSeconds = 30, deletionTimestamp, uid } = pod.metadata
    const running = pods.get(uid)
    if (deletionTimestamp !== undefined) {
      if (ending.has(uid)) return
      ending.add(uid)
      const end = running?.terminate(deletionGracePeriodSeconds) ?? RunningPod.forceDelete(admin, pod)
      yield* Effect.forkIn(
        Effect.andThen(
          end,
          Effect.sync(() => pods.delete(uid))
        ),
        scope
      )
    } else if (running === undefined) {
      const runtimeValues = { podIP: address, loopbackAddress, serviceVariables }
      pods.set(
        uid,
        yield* RunningPod.start({ admin, findImage, pod, runtimeValues, awaitNodeConnected: connected.await })
      )
      maxRunningPods = Math.max(maxRunningPods, pods.size)
    }
  })
  const events = yield* Queue.unbounded<PodEvent>()
  yield* Queue.take(events).pipe(
    Effect.flatMap(handle),
    Effect.forever,
    printFailure,
    Scope.provide(scope),
    Effect.forkIn(scope)
  )

  const signalAll = (signal: NodeJS.Signals) =>
    Effect.forEach(pods.values(), (pod) => pod.signal(signal), { discard: true })
  return {
    ...options,
    /** Returns the pods that run on the node, including terminating pods. */
    pods: (): ReadonlyArray<RunningPod.RunningPod> => [...pods.values()],
    /** Returns the largest number of pods that have run on the node at the same time. */
    maxRunningPods: () => maxRunningPods,
    /** Queues an event for the kubelet. Returns before the kubelet handles the event. */
    notify: (event: PodEvent) => Effect.asVoid(Queue.offer(events, event)),
    /**
     * Simulates a network partition. Suspends the node's pods, and stops the kubelet's lease renewals and status
     * reports.
     */
    disconnect: Effect.andThen(connected.close, signalAll("SIGSTOP")),
    /**
     * Ends the network partition. Resumes the node's pods, and reports the node and its pods to the API server again.
     */
    reconnect: Effect.gen(function* () {
      yield* signalAll("SIGCONT")
      yield* connected.open
      yield* register
      yield* Effect.forEach(pods.values(), ({ report }) => report, { discard: true })
    }),
    /** Kills the kubelet and its pods, as a power failure does. The API server keeps the Node object. */
    powerOff: Effect.andThen(connected.close, Scope.close(scope, Exit.void))
  }
})

export type Kubelet = Effect.Success<ReturnType<typeof make>>
