import { Effect, FileSystem } from "effect"

/** Resident memory of a process in MiB: current and peak. */
export interface ProcessMemory {
  readonly residentMiB: number
  readonly peakMiB: number
}

/** Reads the memory of a process from /proc/PID/status. The values of a zombie process are NaN. */
export const read = Effect.fnUntraced(function* (pid: number) {
  const fs = yield* FileSystem.FileSystem
  const status = yield* fs.readFileString(`/proc/${pid}/status`)
  const mebibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? Number.NaN) / 1024
  const memory: ProcessMemory = { residentMiB: mebibytes("VmRSS"), peakMiB: mebibytes("VmHWM") }
  return memory
})
