import { Effect, type Scope } from "effect"
import { request } from "node:http"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import type { Bed } from "./Bed.ts"
import { download } from "./Download.ts"
import { peakMiB, residentMiB } from "./ProcessTree.ts"
import type { Verdict } from "./Report.ts"
import * as Servers from "./Servers.ts"
import { spread } from "./Statistics.ts"
import { figure } from "./Table.ts"

const isHealthy = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = request({ host: "127.0.0.1", port, path: "/healthz", agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    probe.on("error", () => resolve(false))
    probe.end()
  })

/** Seconds from the process's start to /healthz 200, and its resident MiB some seconds later. */
const startOnce = (
  bed: Bed,
  index: number
): Effect.Effect<{ readonly seconds: number; readonly resident: number }, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, cacheDirectory, port } = yield* Servers.launch({
      name: `start-${index}`,
      work: bed.work,
      hosts: [bed.origin.host]
    })
    rmSync(cacheDirectory, { recursive: true, force: true })
    const began = performance.now()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, args, { stdio: "ignore" })),
      (child) =>
        Effect.promise(async () => {
          child.kill()
          await once(child, "exit")
        })
    )
    const seconds = yield* Effect.promise(async () => {
      while (!(await isHealthy(port))) await new Promise((resolve) => setTimeout(resolve, 2))
      return (performance.now() - began) / 1000
    })
    yield* Effect.sleep(bed.extent.idleSeconds * 1000)
    return { seconds, resident: residentMiB(child.pid ?? 0) }
  })

/** How fast the bundle starts and how much it holds when it has done nothing yet. */
export const start = (bed: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.gen(function* () {
    const runs = yield* Effect.forEach(
      Array.from({ length: bed.extent.rounds }, (_, index) => index),
      (index) => Effect.scoped(startOnce(bed, index))
    )
    const seconds = spread(runs.map(({ seconds }) => seconds))
    const resident = spread(runs.map(({ resident }) => resident))
    const text = ({ max, median, min }: typeof seconds) =>
      `${figure(median)} (${figure(min)} to ${figure(max)})`
    return [
      {
        what: "start to /healthz 200",
        bar: "<= 0.3 s",
        measured: `${text(seconds)} s`,
        met: seconds.median <= 0.3
      },
      {
        what: "resident memory, idle",
        bar: "<= 80 MiB",
        measured: `${text(resident)} MiB`,
        met: resident.median <= 80
      }
    ]
  })

/** How much the bundle holds after it has served a lot. */
export const afterServing = (bed: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, origin, work } = bed
      const server = yield* Servers.program({ name: "served", work, host: origin.host })
      yield* download(server.url(blobs.large), Math.ceil(extent.served / blobs.large.size))
      yield* Effect.sleep(extent.idleSeconds * 1000)
      const resident = residentMiB(server.pid)
      return [
        {
          what: `resident memory after ${figure(extent.served / 1e9)} GB served`,
          bar: "<= 140 MiB",
          measured: `${figure(resident)} MiB (peak ${figure(peakMiB(server.pid))})`,
          met: resident <= 140
        }
      ]
    })
  )
