import { readdirSync, readFileSync, writeFileSync } from "node:fs"

/** The number of ticks per second. Linux counts the CPU time in /proc/<pid>/stat in ticks. */
const ticksPerSecond = 100

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    // The process has ended.
    return ""
  }
}

/**
 * Returns the fields of /proc/<pid>/stat, beginning with the third. The second field is the process name, which may
 * contain any character.
 */
const fields = (pid: number): ReadonlyArray<string> => {
  const text = read(`/proc/${pid}/stat`)
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}

/** Returns the ids of a process and all its descendants. */
export const processTree = (root: number): ReadonlyArray<number> => {
  const children = new Map<number, Array<number>>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(fields(Number(name))[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const below = (pid: number): ReadonlyArray<number> => [pid, ...(children.get(pid) ?? []).flatMap(below)]
  return below(root)
}

/** Returns the CPU seconds of a process and its descendants, including descendants that have ended. */
export const cpuSeconds = (root: number): number =>
  processTree(root).reduce((sum, pid) => {
    const own = fields(pid)
    return (
      sum + [11, 12, 13, 14].reduce((ticks, index) => ticks + Number(own[index] ?? 0), 0) / ticksPerSecond
    )
  }, 0)

/**
 * Returns the CPU seconds of the benchmark's child processes that have ended. Only load generators end during a
 * measurement, so the increase during a measurement is the CPU time of the load generators.
 */
export const endedChildrenSeconds = (): number => {
  const own = fields(process.pid)
  return (Number(own[13]) + Number(own[14])) / ticksPerSecond
}

const status = (root: number, name: "VmHWM" | "VmRSS" | "RssAnon"): number =>
  processTree(root).reduce((sum, pid) => {
    const [, kib = "0"] = new RegExp(`${name}:\\s+(\\d+)`).exec(read(`/proc/${pid}/status`)) ?? []
    return sum + Number(kib) / 1024
  }, 0)

/** Returns the resident memory of a process and its descendants, in MiB. A shared page counts once for each process. */
export const residentMiB = (root: number): number => status(root, "VmRSS")

/**
 * Returns the anonymous memory of a process and its descendants, in MiB. This is resident memory that no file backs.
 */
export const anonymousMiB = (root: number): number => status(root, "RssAnon")

/**
 * Returns the sum of the peak resident memory of a process and its descendants, in MiB. A peak is the maximum since the
 * last `resetPeak`.
 */
export const peakMiB = (root: number): number => status(root, "VmHWM")

export const resetPeak = (root: number): void => {
  for (const pid of processTree(root)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, "5")
    } catch {
      // The process belongs to another user. `peakMiB` then returns the peak since the start of the process.
    }
  }
}
