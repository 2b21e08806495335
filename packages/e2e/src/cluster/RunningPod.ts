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
import { type Facts, resolve } from "./Environment.ts"
import type { Image, Images } from "./Images.ts"
import * as Pod from "./Pod.ts"
import * as PodStatus from "./PodStatus.ts"
import * as Probes from "./Probes.ts"
import * as Volumes from "./Volumes.ts"

const script = fileURLToPath(new URL("container.sh", import.meta.url))

/** Signals a process that may have ended a moment ago. */
const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // Nobody is there to hear it.
  }
}

export interface PodOptions {
  readonly admin: KubeAdmin
  readonly images: Images
  readonly pod: Pod.Pod
  readonly facts: Facts
  /** Waited for before anything is asked or told: closed while the node is cut off. */
  readonly gate: Effect.Effect<void>
}

/** Tells the API server of a pod's containers, whenever something has changed. */
const reporter = Effect.fnUntraced(function* (
  { admin, facts, gate, pod }: PodOptions,
  states: ReadonlyArray<PodStatus.ContainerState>
) {
  const startTime = PodStatus.timestamp()
  const one = yield* Semaphore.make(1)
  let last = ""
  const report = one.withPermits(1)(
    Effect.gen(function* () {
      yield* gate
      const key = JSON.stringify(states)
      if (key === last) return
      last = key
      const status = PodStatus.make(facts.podIP, startTime, states)
      const body = { metadata: { uid: pod.metadata.uid }, status }
      // A pod that is gone has no status any more.
      yield* admin.send("PATCH", `${Pod.path(pod)}/status`, body, "merge").pipe(
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
    /** Tells all again, after others have told otherwise. */
    again: Effect.suspend(() => {
      last = ""
      return report
    })
  }
})

/** The Secrets that variables of a pod are taken from; waited for where they are not there yet. */
const secretsOf = ({ admin, pod }: PodOptions) => {
  const names = pod.spec.containers.flatMap(({ env = [] }) =>
    env.flatMap(({ valueFrom }) =>
      valueFrom !== undefined && "secretKeyRef" in valueFrom ? [valueFrom.secretKeyRef.name] : []
    )
  )
  return Effect.forEach(names, (name) =>
    Volumes.data(admin, pod.metadata.namespace, "secrets", name).pipe(
      Effect.retry(Schedule.spaced("200 millis")),
      Effect.map((data) => [name, data] as const)
    )
  ).pipe(Effect.map((entries) => new Map(entries)))
}

/** Starts a container's program in a mount namespace of its own; it is killed with the scope. */
const startContainer = Effect.fnUntraced(function* (
  { facts, pod }: PodOptions,
  container: Pod.Container,
  image: Image,
  volumes: Volumes.Volumes,
  secrets: ReadonlyMap<string, Readonly<Record<string, string>>>
) {
  const fs = yield* FileSystem.FileSystem
  const { args, env } = resolve(pod, container, facts, (name, key) => secrets.get(name)?.[key] ?? "")
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
  // Whatever is to end in its own time has ended by now.
  yield* Effect.addFinalizer(() => Effect.sync(() => kill(daemon.pid, "SIGKILL")))
  return daemon
})

/** Tells the API server that nothing of a pod is left. */
export const confirmGone = (admin: KubeAdmin, pod: Pod.Pod) =>
  Effect.ignore(
    admin.send("DELETE", Pod.path(pod), {
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.metadata.uid }
    })
  )

/**
 * Starts a pod and keeps it running, as the kubelet of its node does: volumes, variables, probes, restarts, its status.
 * It is gone with the scope, as on a node that has lost power; `end` ends it as its deletion does.
 */
export const start = Effect.fnUntraced(function* (options: PodOptions) {
  const { admin, facts, gate, images, pod } = options
  const scope = yield* Scope.fork(yield* Effect.scope)
  const states = pod.spec.containers.map(PodStatus.initial)
  const { again, report } = yield* reporter(options, states)
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
    const probes = Probes.run(state.container, facts.podIP, gate, {
      started: changed({ started: true }),
      ready: (ready) => changed({ ready: ready && !isEnding })
    })
    yield* Effect.raceFirst(probes, Effect.ignore(daemon.ended))
  }, Effect.scoped)

  const keepRunning = Effect.fnUntraced(function* (
    state: PodStatus.ContainerState,
    start: (image: Image) => ReturnType<typeof startContainer>
  ) {
    const image = images(state.container.image)
    if (Option.isNone(image)) {
      state.waiting = "ImagePullBackOff"
      return yield* report
    }
    for (;;) {
      yield* runOnce(state, start(image.value))
      Object.assign(state, { pid: undefined, started: false, ready: false, waiting: "CrashLoopBackOff" })
      if (isEnding) return
      state.restarts++
      yield* report
      // The kubelet waits 10 s and more from the second time on.
      yield* Effect.sleep(Duration.seconds(state.restarts === 1 ? 0 : 10))
    }
  })

  yield* Effect.gen(function* () {
    yield* report
    const secrets = yield* secretsOf(options)
    const volumes = yield* Volumes.make(admin, pod, facts)
    yield* Effect.forEach(
      states,
      (state) =>
        keepRunning(state, (image) => startContainer(options, state.container, image, volumes, secrets)),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(
    // A kubelet that gives up on a pod is a bug of the tests.
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
  const areGone = Effect.sync(() => states.every(({ pid }) => pid === undefined)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (gone) => gone })
  )

  return {
    pod,
    /** The process of the first container, the program; none: it does not run now. */
    pid: () => states[0]?.pid,
    restarts: () => states.reduce((sum, { restarts }) => sum + restarts, 0),
    /** Signals the processes of all its containers. */
    signal,
    /** Tells the API server of it again. */
    report: again,
    /** SIGTERM, time to finish, SIGKILL; then the API server hears that it is gone. */
    end: Effect.fnUntraced(function* (graceSeconds: number) {
      if (isEnding) return
      isEnding = true
      yield* signal("SIGTERM")
      yield* Effect.timeoutOption(areGone, Duration.seconds(graceSeconds))
      yield* Scope.close(scope, Exit.void)
      yield* gate
      yield* confirmGone(admin, pod)
    })
  }
})

/** A pod that runs. */
export type RunningPod = Effect.Success<ReturnType<typeof start>>
