import type { Container, Pod } from "./Pod.ts"

/** The state of a container. */
export interface ContainerState {
  readonly container: Container
  pid: number | undefined
  /** It has passed its startup probe. */
  started: boolean
  ready: boolean
  restarts: number
  /** Why it does not run, as `kubectl get pods` shows it. */
  waiting: "ContainerCreating" | "ImagePullBackOff" | "CrashLoopBackOff"
}

export const initial = (container: Container): ContainerState => ({
  container,
  pid: undefined,
  started: false,
  ready: false,
  restarts: 0,
  waiting: "ContainerCreating"
})

/** A time as Kubernetes writes it, to the second. */
export const timestamp = (): string => `${new Date().toISOString().slice(0, 19)}Z`

/** A pod's status as its kubelet tells it. */
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
      ({ container: { image, name }, pid, ready, restarts, started, waiting }) => ({
        name,
        image,
        imageID: "",
        ready,
        started,
        restartCount: restarts,
        state: pid === undefined ? { waiting: { reason: waiting } } : { running: { startedAt: startTime } }
      })
    )
  }
}
