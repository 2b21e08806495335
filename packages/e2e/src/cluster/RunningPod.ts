import {
  Cause,
  Console,
  Duration,
  Effect,
  Exit,
  FileSystem,
  Option,
  Schedule,
  Scope,
  Semaphore
} from "effect"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import type { KubeAdmin } from "../servers/KubeAdmin.ts"
import { type PodRuntimeValues, resolveEnvAndArgs } from "./ContainerEnvironment.ts"
import type { ContainerImage, FindImage } from "./Images.ts"
import * as Pod from "./Pod.ts"
import * as PodStatus from "./PodStatus.ts"
import * as Probes from "./Probes.ts"
import * as Volumes from "./Volumes.ts"

const script = fileURLToPath(new URL("container.sh", import.meta.url))

/** Sends a signal to a process, unless the process has ended. */
const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has ended.
  }
}

export interface PodOptions {
  readonly admin: KubeAdmin
  readonly findImage: FindImage
  readonly pod: Pod.Pod
  readonly runtimeValues: PodRuntimeValues
  /**
   * Waits until the node is connected to the API server. Runs before each probe, status report and deletion of the pod.
   */
  readonly awaitNodeConnected: Effect.Effect<void>
}

/**
 * Returns two effects that send the pod's status to the API server. `report` sends the status only if the state of a
 * container has changed since the last report. `reportAgain` always sends the status.
 */
const reporter = Effect.fnUntraced(function* (
  { admin, runtimeValues, awaitNodeConnected, pod }: PodOptions,
  states: ReadonlyArray<PodStatus.ContainerState>
) {
  const startTime = PodStatus.timestamp()
  const mutex = yield* Semaphore.make(1)
  let last = ""
  const report = mutex.withPermits(1)(
    Effect.gen(function* () {
      yield* awaitNodeConnected
      const key = JSON.stringify(states)
      if (key === last) return
      last = key
      const status = PodStatus.make(runtimeValues.podIP, startTime, states)
      const body = { metadata: { uid: pod.metadata.uid }, status }
      // Errors are ignored, because the API server refuses the status of a deleted pod.
      yield* admin.send("PATCH", `${Pod.apiPath(pod)}/status`, body, "merge").pipe(
        Effect.retry({
          schedule: Schedule.spaced("200 millis"),
          while: ({ status }) => status === 0 || status >= 500
        }),
        Effect.ignore
      )
    })
  )
  return {
    report,
    /** Sends the status even if no state has changed, because a controller may have overwritten the status. */
    reportAgain: Effect.suspend(() => {
      last = ""
      return report
    })
  }
})

/** Reads the Secrets to which the environment variables of a pod refer. Waits until all of them exist. */
const secretsOf = ({ admin, pod }: PodOptions) => {
  const names = pod.spec.containers.flatMap(({ env = [] }) =>
    env.flatMap(({ valueFrom }) =>
      valueFrom !== undefined && "secretKeyRef" in valueFrom ? [valueFrom.secretKeyRef.name] : []
    )
  )
  return Effect.forEach(names, (name) =>
    Volumes.readData(admin, pod.metadata.namespace, "secrets", name).pipe(
      Effect.retry(Schedule.spaced("200 millis")),
      Effect.map((data) => [name, data] as const)
    )
  ).pipe(Effect.map((entries) => new Map(entries)))
}

/** Starts a container's program in a new mount namespace. The end of the scope kills the program. */
const startContainer = Effect.fnUntraced(function* (
  { runtimeValues, pod }: PodOptions,
  container: Pod.Container,
  image: ContainerImage,
  volumes: Volumes.Volumes,
  secrets: ReadonlyMap<string, Readonly<Record<string, string>>>
) {
  const fs = yield* FileSystem.FileSystem
  const { args, env } = resolveEnvAndArgs(
    pod,
    container,
    runtimeValues,
    (name, key) => secrets.get(name)?.[key] ?? ""
  )
  const root = yield* fs.makeTempDirectoryScoped({ directory: volumes.root, prefix: "root-" })
  yield* fs.chmod(root, 0o755)
  const mounts = [
    ...image.files.map(([source, target]) => `${source}:${target}:ro`),
    ...(container.volumeMounts ?? []).map(
      ({ mountPath, name, readOnly = false }) =>
        `${volumes.directories.get(name) ?? ""}:${mountPath}:${readOnly ? "ro" : "rw"}`
    )
  ]
  const { runAsGroup = 0, runAsUser = 0 } = pod.spec.securityContext ?? {}
  const isolation = [
    "--mount",
    "--propagation",
    "private",
    "sh",
    script,
    root,
    `${runAsUser}`,
    `${runAsGroup}`
  ]
  const daemon = yield* Daemon.start(
    `${pod.metadata.name} ${container.name}`,
    "unshare",
    [...isolation, ...mounts, "--", ...image.command, ...args],
    { env: { ...env, HOSTNAME: pod.spec.nodeName ?? "" } }
  )
  // Kills the program at once: `terminate` sends SIGTERM and waits for the grace period before it closes the scope.
  yield* Effect.addFinalizer(() => Effect.sync(() => kill(daemon.pid, "SIGKILL")))
  return daemon
})

/**
 * Deletes a pod from the API server with a grace period of 0, so that it disappears at once. Its processes must have
 * ended before. Ignores errors.
 */
export const forceDelete = (admin: KubeAdmin, pod: Pod.Pod) =>
  Effect.ignore(
    admin.send("DELETE", Pod.apiPath(pod), {
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.metadata.uid }
    })
  )

/**
 * Starts the containers of a pod and restarts them when they end. Like the kubelet, provides volumes and environment
 * variables, runs probes, and reports the status. The end of the scope kills the containers at once, as a power failure
 * does.
 */
export const start = Effect.fnUntraced(function* (options: PodOptions) {
  const { admin, runtimeValues, awaitNodeConnected, findImage, pod } = options
  const scope = yield* Scope.fork(yield* Effect.scope)
  const states = pod.spec.containers.map(PodStatus.initialState)
  const { reportAgain, report } = yield* reporter(options, states)
  let isEnding = false

  const runOnce = Effect.fnUntraced(function* (
    state: PodStatus.ContainerState,
    start: ReturnType<typeof startContainer>
  ) {
    const daemon = yield* start
    state.pid = daemon.pid
    yield* report
    const changed = (change: Partial<PodStatus.ContainerState>) =>
      Effect.suspend(() => {
        Object.assign(state, change)
        return report
      })
    const probes = Probes.run(state.container, runtimeValues.podIP, awaitNodeConnected, {
      onStarted: changed({ started: true }),
      onReadiness: (ready) => changed({ ready: ready && !isEnding })
    })
    yield* Effect.raceFirst(probes, Effect.ignore(daemon.exited))
  }, Effect.scoped)

  const keepRunning = Effect.fnUntraced(function* (
    state: PodStatus.ContainerState,
    start: (image: ContainerImage) => ReturnType<typeof startContainer>
  ) {
    const image = findImage(state.container.image)
    if (Option.isNone(image)) {
      state.waitingReason = "ImagePullBackOff"
      return yield* report
    }
    for (;;) {
      yield* runOnce(state, start(image.value))
      Object.assign(state, {
        pid: undefined,
        started: false,
        ready: false,
        waitingReason: "CrashLoopBackOff"
      })
      if (isEnding) return
      state.restartCount++
      yield* report
      // Like the kubelet, waits before each restart except the first one.
      yield* Effect.sleep(Duration.seconds(state.restartCount === 1 ? 0 : 10))
    }
  })

  yield* Effect.gen(function* () {
    yield* report
    const secrets = yield* secretsOf(options)
    const volumes = yield* Volumes.make(admin, pod, runtimeValues)
    yield* Effect.forEach(
      states,
      (state) =>
        keepRunning(state, (image) => startContainer(options, state.container, image, volumes, secrets)),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(
    // A pod that cannot be started is a bug of the tests.
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Console.error(Cause.pretty(cause))
    ),
    Scope.provide(scope),
    Effect.forkIn(scope)
  )

  const signal = (name: NodeJS.Signals) =>
    Effect.sync(() => {
      for (const { pid } of states) if (pid !== undefined) kill(pid, name)
    })
  const awaitExit = Effect.sync(() => states.every(({ pid }) => pid === undefined)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (gone) => gone })
  )

  return {
    pod,
    /** Process ID of the first container in the pod's specification. Undefined while this container does not run. */
    pid: () => states[0]?.pid,
    /** Returns the number of restarts so far, over all containers of the pod. */
    restartCount: () => states.reduce((sum, { restartCount }) => sum + restartCount, 0),
    /** Sends a signal to the main process of each running container. */
    signal,
    /** Sends the status to the API server again, even if it has not changed. */
    report: reportAgain,
    /**
     * Terminates the pod, like the kubelet after the deletion of a pod. Sends SIGTERM and waits up to
     * `gracePeriodSeconds` until all processes have ended. Then kills the remaining processes, and removes the pod from
     * the API server.
     */
    terminate: Effect.fnUntraced(function* (gracePeriodSeconds: number) {
      if (isEnding) return
      isEnding = true
      yield* signal("SIGTERM")
      yield* Effect.timeoutOption(awaitExit, Duration.seconds(gracePeriodSeconds))
      yield* Scope.close(scope, Exit.void)
      yield* awaitNodeConnected
      yield* forceDelete(admin, pod)
    })
  }
})

export type RunningPod = Effect.Success<ReturnType<typeof start>>
