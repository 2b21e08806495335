import { Effect } from "effect"
import * as Metrics from "./Metrics.ts"
import { version } from "../build/Version.ts"

const { readdir, readFile } = process.getBuiltinModule("node:fs")

/** The number of open file descriptors. Undefined if /proc cannot be read. */
const openDescriptors: Effect.Effect<number | undefined> = Effect.callback((resume) => {
  readdir("/proc/self/fd", (error, names) =>
    // One of the descriptors is that of the directory itself.
    resume(Effect.succeed(error === null ? names.length - 1 : undefined))
  )
})

const maxDescriptors: Effect.Effect<number | undefined> = Effect.callback((resume) => {
  readFile("/proc/self/limits", "latin1", (error, text) => {
    const limit = error === null ? /^Max open files\s+(\d+)/m.exec(text)?.[1] : undefined
    resume(Effect.succeed(limit === undefined ? undefined : Number(limit)))
  })
})

/**
 * Returns the memory limit of the process in bytes, or undefined if there is no limit. Without a limit, Node returns 0
 * or a huge number.
 */
const memoryLimit = (): number | undefined => {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < 2 ** 50 ? limit : undefined
}

/** Makes an effect that updates the metrics of the process. Run this effect each time before metrics are read. */
export const make: Effect.Effect<Effect.Effect<void>> = Effect.map(Effect.context<never>(), (context) => {
  let previousCpuSeconds = 0
  // Undefined until metrics are read for the first time, since `eventLoopUtilization` makes Node load half a MiB of
  // code.
  let utilization: ReturnType<typeof performance.eventLoopUtilization> | undefined

  Metrics.buildInfo({ version, node: process.versions.node }).updateUnsafe(1, context)
  Metrics.startTime.updateUnsafe(Math.round(Date.now() - process.uptime() * 1000) / 1000, context)

  return Effect.gen(function* () {
    const { system, user } = process.cpuUsage()
    const seconds = (system + user) / 1e6
    Metrics.cpuSeconds.updateUnsafe(seconds - previousCpuSeconds, context)
    previousCpuSeconds = seconds
    const { heapUsed, rss } = process.memoryUsage()
    Metrics.residentMemory.updateUnsafe(rss, context)
    Metrics.heapUsed.updateUnsafe(heapUsed, context)
    const current = performance.eventLoopUtilization()
    Metrics.eventLoopUtilization.updateUnsafe(
      (utilization === undefined ? current : performance.eventLoopUtilization(current, utilization))
        .utilization,
      context
    )
    utilization = current
    const limit = memoryLimit()
    if (limit !== undefined) Metrics.memoryLimit.updateUnsafe(limit, context)
    const [open, max] = yield* Effect.all([openDescriptors, maxDescriptors])
    if (open !== undefined) Metrics.openDescriptors.updateUnsafe(open, context)
    if (max !== undefined) Metrics.maxDescriptors.updateUnsafe(max, context)
  })
})
