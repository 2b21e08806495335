import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Console, Effect, Fiber, Schedule } from "effect"
import { clusterPath } from "../program/CredentialsFile.ts"
import type { LayoutImage } from "../machine/ImageLayout.ts"
import { credentialsFor } from "../fixtures/KubernetesFixture.ts"
import { registrySecret } from "../servers/KubeObjects.ts"
import * as ProcessMemory from "../machine/ProcessMemory.ts"
import * as SecureClient from "../clients/SecureClient.ts"
import { RegistryFixture } from "../fixtures/RegistryFixture.ts"
import { ClusterFixture } from "./ClusterFixture.ts"
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

/**
 * Pushes nine images with packages of 20 KiB to 8 MiB, and returns them. Creates the Secret with the registry's
 * credentials.
 */
export const pushPackages = Effect.gen(function* () {
  const { admin } = yield* ClusterFixture
  const { layout, registry } = yield* RegistryFixture
  const images = yield* Effect.forEach(sizes, (size, index) =>
    layout.image({ name: `load-${index}`, size, seed: 100 + index })
  )
  yield* Effect.forEach(images, (image) => registry.push(layout, image, clusterPath), { discard: true })
  yield* admin.apply(
    registrySecret(clusterPath, {
      host: registry.host,
      ca: registry.ca,
      credentials: credentialsFor(registry.host)
    })
  )
  return images
})

/** Duration of `loadDuring` in seconds, from the environment variable `CLUSTER_SECONDS`. Default: 30. */
const seconds = Effect.map(ProcessEnvironment, ({ env }) => Number(env["CLUSTER_SECONDS"] ?? "30"))

/** The results of a run of `loadDuring`. `FleetResult` contains the results of its clients. */
export interface LoadResult extends Fleet.FleetResult {
  /** Number of GET requests for package blobs that the registry received during the load. */
  readonly upstreamBlobRequests: number
  /**
   * Number of different pods that ran on the masters during the load, including the pods that already ran at its start.
   */
  readonly podCount: number
  /** The highest resident memory in MiB that any process of registry-packages-proxy has reached. */
  readonly peakMemoryMiB: number
}

/** Returns the number of GET requests for the images' package blobs that the registry has received so far. */
export const countUpstreamBlobRequests = (images: ReadonlyArray<LayoutImage>) =>
  Effect.map(RegistryFixture, ({ registry }) => {
    const blobs = new Set(images.map(({ package: file }) => file.digest))
    return registry
      .requests()
      .filter(({ method, path }) => method === "GET" && blobs.has((path.split("/").at(-1) ?? "") as never))
      .length
  })

/** Fetches every package from every replica, so that all replicas have cached all packages. */
export const fillCaches = Effect.fnUntraced(function* (images: ReadonlyArray<LayoutImage>) {
  const token = yield* Replicas.clientToken
  for (const endpoint of yield* Replicas.endpoints) {
    for (const { digest } of images) {
      yield* SecureClient.send(`https://${endpoint}/package?digest=${digest}&repository=&path=`, { token })
    }
  }
})

/**
 * Runs 20 clients against all masters for 30 s, and meanwhile repeats `event`. The environment variable
 * `CLUSTER_SECONDS` changes the duration. Prints the results under `name`, and returns them.
 */
export const loadDuring = Effect.fnUntraced(function* <E, R>(
  name: string,
  images: ReadonlyArray<LayoutImage>,
  event: Effect.Effect<void, E, R>
) {
  const { nodes } = yield* ClusterFixture
  const pullsBefore = yield* countUpstreamBlobRequests(images)
  const uids = new Set<string>()
  let peakMemoryMiB = 0
  const watching = Effect.gen(function* () {
    for (const { pods } of nodes.masters()) {
      for (const running of pods()) {
        uids.add(running.pod.metadata.uid)
        const pid = running.pid()
        if (pid === undefined) continue
        // `peakMiB` is NaN for a process that has just ended.
        const { peakMiB } = yield* ProcessMemory.read(pid)
        if (!Number.isNaN(peakMiB)) peakMemoryMiB = Math.max(peakMemoryMiB, peakMiB)
      }
    }
  }).pipe(Effect.ignore, Effect.repeat(Schedule.spaced("500 millis")))
  const fleet = yield* Fleet.start(images, {
    endpoints: yield* Replicas.endpoints,
    token: yield* Replicas.clientToken
  })
  const watcher = yield* Effect.forkScoped(watching)
  yield* Effect.forever(event).pipe(Effect.timeoutOption(`${yield* seconds} seconds`))
  const outcome = yield* fleet.stop
  yield* Fiber.interrupt(watcher)
  const result: LoadResult = {
    ...outcome,
    upstreamBlobRequests: (yield* countUpstreamBlobRequests(images)) - pullsBefore,
    podCount: uids.size,
    peakMemoryMiB
  }
  const { bytes, downloads, failed, podCount, upstreamBlobRequests, retries, slowestSeconds } = result
  yield* Console.log(
    `${name}: ${downloads} downloads, ${(bytes / mebibyte).toFixed(0)} MiB, ${failed.length} failed, ` +
      `slowest ${slowestSeconds.toFixed(1)} s, retries ${JSON.stringify(retries)}; ` +
      `${podCount} pods, ${upstreamBlobRequests} pulls upstream, ${peakMemoryMiB.toFixed(0)} MiB peak resident`
  )
  return result
}, Effect.scoped)
