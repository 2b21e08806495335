import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Console, Effect, Fiber, Schedule } from "effect"
import { clusterPath } from "../program/CredentialsFile.ts"
import type { Image } from "../machine/ImageLayout.ts"
import { loginWith } from "../beds/KubeBed.ts"
import { registrySecret } from "../servers/KubeObjects.ts"
import * as ProcessMemory from "../machine/ProcessMemory.ts"
import * as SecureClient from "../clients/SecureClient.ts"
import { TestBed } from "../beds/TestBed.ts"
import { ClusterBed } from "./ClusterBed.ts"
import * as Fleet from "./Fleet.ts"
import * as Replicas from "./Replicas.ts"

const mebibyte = 1024 * 1024
const sizes = [
  20 * 1024,
  20 * 1024,
  200 * 1024,
  200 * 1024,
  mebibyte,
  mebibyte,
  2 * mebibyte,
  4 * mebibyte,
  8 * mebibyte
]

/** Pushes packages of many sizes, and lets the program know the registry. */
export const packages = Effect.gen(function* () {
  const { admin } = yield* ClusterBed
  const { layout, registry } = yield* TestBed
  const images = yield* Effect.forEach(sizes, (size, index) =>
    layout.image({ name: `load-${index}`, size, seed: 100 + index })
  )
  yield* Effect.forEach(images, (image) => registry.push(layout, image, clusterPath), { discard: true })
  yield* admin.apply(
    registrySecret(clusterPath, { host: registry.host, ca: registry.ca, login: loginWith(registry.host) })
  )
  return images
})

/** For how long clients work while something happens; `CLUSTER_SECONDS` says otherwise. */
const seconds = Effect.map(ProcessEnvironment, ({ variables }) =>
  Number(variables["CLUSTER_SECONDS"] ?? "30")
)

/** The outcome of clients at work while something happened. */
export interface Strain extends Fleet.Outcome {
  /** Requests for the bytes of packages that the registry got. */
  readonly pulls: number
  /** Pods that ran, those there were at first among them. */
  readonly pods: number
  /** The most that any replica had resident, in MiB. */
  readonly memory: number
}

/** Requests for the packages' bytes that the registry got so far. */
export const pullsOf = (images: ReadonlyArray<Image>) =>
  Effect.map(TestBed, ({ registry }) => {
    const blobs = new Set(images.map(({ package: file }) => file.digest))
    return registry
      .requests()
      .filter(({ method, path }) => method === "GET" && blobs.has((path.split("/").at(-1) ?? "") as never))
      .length
  })

/** Has every replica fetch every package. */
export const warm = Effect.fnUntraced(function* (images: ReadonlyArray<Image>) {
  const token = yield* Replicas.clientToken
  for (const endpoint of yield* Replicas.endpoints) {
    for (const { digest } of images) {
      yield* SecureClient.ask(`https://${endpoint}/package?digest=${digest}&repository=&path=`, { token })
    }
  }
})

/** Has 20 clients fetch packages from all masters, and again and again something happen meanwhile. */
export const strain = Effect.fnUntraced(function* <E, R>(
  name: string,
  images: ReadonlyArray<Image>,
  happens: Effect.Effect<void, E, R>
) {
  const { nodes } = yield* ClusterBed
  const pullsBefore = yield* pullsOf(images)
  const uids = new Set<string>()
  let memory = 0
  const watching = Effect.gen(function* () {
    for (const { pods } of nodes.masters()) {
      for (const running of pods()) {
        uids.add(running.pod.metadata.uid)
        const pid = running.pid()
        if (pid === undefined) continue
        // One that has just ended has none.
        const { peak } = yield* ProcessMemory.read(pid)
        if (!Number.isNaN(peak)) memory = Math.max(memory, peak)
      }
    }
  }).pipe(Effect.ignore, Effect.repeat(Schedule.spaced("500 millis")))
  const fleet = yield* Fleet.start(images, {
    endpoints: yield* Replicas.endpoints,
    token: yield* Replicas.clientToken
  })
  const watcher = yield* Effect.forkScoped(watching)
  yield* Effect.forever(happens).pipe(Effect.timeoutOption(`${yield* seconds} seconds`))
  const outcome = yield* fleet.outcome
  yield* Fiber.interrupt(watcher)
  const result: Strain = {
    ...outcome,
    pulls: (yield* pullsOf(images)) - pullsBefore,
    pods: uids.size,
    memory
  }
  const { bytes, downloads, failed, pods, pulls, retries, slowestSeconds } = result
  yield* Console.log(
    `${name}: ${downloads} downloads, ${(bytes / mebibyte).toFixed(0)} MiB, ${failed.length} failed, ` +
      `slowest ${slowestSeconds.toFixed(1)} s, tried again for ${JSON.stringify(retries)}; ` +
      `${pods} pods, ${pulls} pulls upstream, ${memory.toFixed(0)} MiB resident at most`
  )
  return result
}, Effect.scoped)
