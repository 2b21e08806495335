import { Effect, FileSystem } from "effect"

/** The resident memory of a process in MiB, as current and peak values. */
export interface ProcessMemory {
  readonly residentMiB: number
  readonly peakMiB: number
}

/**
 * Reads the resident memory of a process from /proc/PID/status. For a zombie process, `residentMiB` and `peakMiB` are
 * NaN. Fails if the process does not exist.
 */
export const read = Effect.fnUntraced(function* (pid: number) {
  const fs = yield* FileSystem.FileSystem
  const status = yield* fs.readFileString(`/proc/${pid}/status`)
  const mebibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? Number.NaN) / 1024
  const memory: ProcessMemory = { residentMiB: mebibytes("VmRSS"), peakMiB: mebibytes("VmHWM") }
  return memory
})
