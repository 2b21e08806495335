import { Effect } from "effect"
import * as Metrics from "./Metrics.ts"
import { version } from "../build/Version.ts"

const { readdir, readFile } = process.getBuiltinModule("node:fs")

/** Of Linux; undefined elsewhere. */
const openDescriptors: Effect.Effect<number | undefined> = Effect.callback((resume) => {
  readdir("/proc/self/fd", (error, names) =>
    // One is the directory itself.
    resume(Effect.succeed(error === null ? names.length - 1 : undefined))
  )
})

const maxDescriptors: Effect.Effect<number | undefined> = Effect.callback((resume) => {
  readFile("/proc/self/limits", "latin1", (error, text) => {
    const limit = error === null ? /^Max open files\s+(\d+)/m.exec(text)?.[1] : undefined
    resume(Effect.succeed(limit === undefined ? undefined : Number(limit)))
  })
})

/** Node tells of no limit by 0, or by a number larger than any memory. */
const memoryLimit = (): number | undefined => {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < 2 ** 50 ? limit : undefined
}

/** Updates the figures of the process, which nobody counts as they change; to be run before metrics are read. */
export const make: Effect.Effect<Effect.Effect<void>> = Effect.map(Effect.context<never>(), (context) => {
  let counted = 0
  // Not before somebody asks: Node loads half a MiB for it.
  let utilization: ReturnType<typeof performance.eventLoopUtilization> | undefined

  Metrics.buildInfo({ version, node: process.versions.node }).updateUnsafe(1, context)
  Metrics.startTime.updateUnsafe(Math.round(Date.now() - process.uptime() * 1000) / 1000, context)

  return Effect.gen(function* () {
    const { system, user } = process.cpuUsage()
    const seconds = (system + user) / 1e6
    Metrics.cpuSeconds.updateUnsafe(seconds - counted, context)
    counted = seconds
    const { heapUsed, rss } = process.memoryUsage()
    Metrics.residentMemory.updateUnsafe(rss, context)
    Metrics.heapUsed.updateUnsafe(heapUsed, context)
    const present = performance.eventLoopUtilization()
    Metrics.eventLoopUtilization.updateUnsafe(
      (utilization === undefined ? present : performance.eventLoopUtilization(present, utilization))
        .utilization,
      context
    )
    utilization = present
    const limit = memoryLimit()
    if (limit !== undefined) Metrics.memoryLimit.updateUnsafe(limit, context)
    const [open, most] = yield* Effect.all([openDescriptors, maxDescriptors])
    if (open !== undefined) Metrics.openDescriptors.updateUnsafe(open, context)
    if (most !== undefined) Metrics.maxDescriptors.updateUnsafe(most, context)
  })
})
