import type { Container, Pod } from "./Pod.ts"

/** The current state of a container that the test kubelet runs. */
export interface ContainerState {
  readonly container: Container
  /** Process ID of the container's program. Undefined while the container does not run. */
  pid: number | undefined
  /** True after the startup probe has passed. A restart of the container sets it to false. */
  started: boolean
  ready: boolean
  restartCount: number
  /** Reason that `kubectl get pods` shows while the container does not run. */
  waitingReason: "ContainerCreating" | "ImagePullBackOff" | "CrashLoopBackOff"
}

export const initialState = (container: Container): ContainerState => ({
  container,
  pid: undefined,
  started: false,
  ready: false,
  restartCount: 0,
  waitingReason: "ContainerCreating"
})

/** Returns the current time in Kubernetes' format (RFC 3339), with whole seconds. */
export const timestamp = (): string => `${new Date().toISOString().slice(0, 19)}Z`

/** Returns the `status` of a pod with these container states, as the kubelet reports it. */
export const make = (
  podIP: string,
  startTime: string,
  states: ReadonlyArray<ContainerState>
): NonNullable<Pod["status"]> & Readonly<Record<string, unknown>> => {
  const isRunning = states.every(({ pid }) => pid !== undefined)
  const isReady = states.every(({ ready }) => ready)
  const condition = (type: string, is: boolean) => ({
    type,
    status: is ? "True" : "False",
    lastTransitionTime: timestamp()
  })
  return {
    phase: isRunning ? "Running" : "Pending",
    hostIP: podIP,
    hostIPs: [{ ip: podIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    startTime,
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", true),
      condition("ContainersReady", isReady),
      condition("Ready", isReady)
    ],
    containerStatuses: states.map(
      ({ container: { image, name }, pid, ready, restartCount, started, waitingReason }) => ({
        name,
        image,
        imageID: "",
        ready,
        started,
        restartCount,
        state:
          pid === undefined ? { waiting: { reason: waitingReason } } : { running: { startedAt: startTime } }
      })
    )
  }
}
