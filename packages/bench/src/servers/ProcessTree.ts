import { readdirSync, readFileSync, writeFileSync } from "node:fs"

/** What Linux counts CPU time in: a hundredth of a second, whatever the kernel's own tick. */
const ticksPerSecond = 100

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    // It has ended meanwhile.
    return ""
  }
}

/** The fields of /proc/<pid>/stat from the third, the state, on: the name before them may hold anything. */
const fields = (pid: number): ReadonlyArray<string> => {
  const text = read(`/proc/${pid}/stat`)
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}

/** A process and all that descend from it. */
export const tree = (root: number): ReadonlyArray<number> => {
  const children = new Map<number, Array<number>>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(fields(Number(name))[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const below = (pid: number): ReadonlyArray<number> => [pid, ...(children.get(pid) ?? []).flatMap(below)]
  return below(root)
}

/** CPU seconds that a process and its descendants, ended ones included, have taken. */
export const cpuSeconds = (root: number): number =>
  tree(root).reduce((sum, pid) => {
    const own = fields(pid)
    return (
      sum + [11, 12, 13, 14].reduce((ticks, index) => ticks + Number(own[index] ?? 0), 0) / ticksPerSecond
    )
  }, 0)

/** CPU seconds of this process's children that have ended: load generators, when nothing else ends. */
export const endedChildrenSeconds = (): number => {
  const own = fields(process.pid)
  return (Number(own[13]) + Number(own[14])) / ticksPerSecond
}

const status = (root: number, name: "VmHWM" | "VmRSS" | "RssAnon"): number =>
  tree(root).reduce((sum, pid) => {
    const [, kib = "0"] = new RegExp(`${name}:\\s+(\\d+)`).exec(read(`/proc/${pid}/status`)) ?? []
    return sum + Number(kib) / 1024
  }, 0)

/** Resident MiB of a process and its descendants. Pages they share count for each. */
export const residentMiB = (root: number): number => status(root, "VmRSS")

/** Of these, MiB that are no file's: what the processes made themselves. */
export const anonymousMiB = (root: number): number => status(root, "RssAnon")

/** The most each was ever resident since `forgetPeak`, in MiB. */
export const peakMiB = (root: number): number => status(root, "VmHWM")

export const forgetPeak = (root: number): void => {
  for (const pid of tree(root)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, "5")
    } catch {
      // Another user's process: the peak since its start is reported.
    }
  }
}
