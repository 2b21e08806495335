import { Effect, FileSystem, Path } from "effect"
import { mkdirSync, rmdirSync } from "node:fs"

/** A memory limit like a container's. `wrapCommand` returns the command line that runs a program within the limit. */
export interface MemoryLimit {
  readonly wrapCommand: (
    program: string,
    args: ReadonlyArray<string>
  ) => readonly [string, ReadonlyArray<string>]
  readonly description: string
}

/** For control groups of version 1 and of version 2: the mount point, and the file that sets a group's memory limit. */
const hierarchies = [
  { root: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" },
  { root: "/sys/fs/cgroup", file: "memory.max" }
] as const

const attempt = <A>(act: () => A): Effect.Effect<A, Error> =>
  Effect.try({ try: act, catch: (cause) => new Error("no control group", { cause }) })

/** Creates a control group with a memory limit. The end of the scope removes the group. */
const inGroup = Effect.fnUntraced(function* (
  { file, root }: (typeof hierarchies)[number],
  mebibytes: number
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const group = path.join(root, `registry-packages-proxy-e2e-${process.pid}`)
  yield* Effect.acquireRelease(
    attempt(() => mkdirSync(group)),
    () => Effect.ignore(attempt(() => rmdirSync(group)))
  )
  // The file is absent if the hierarchy does not limit memory.
  yield* fs.access(path.join(group, file))
  yield* fs.writeFileString(path.join(group, file), String(mebibytes * 1024 * 1024), { flag: "r+" })
  const limit: MemoryLimit = {
    wrapCommand: (program, args) => [
      "/bin/sh",
      ["-c", 'echo $$ >"$0" && exec "$@"', path.join(group, "cgroup.procs"), program, ...args]
    ],
    description: `${mebibytes} MiB by the control group ${group}`
  }
  return limit
})

/**
 * Limits memory by a control group. If this machine allows no control group, for example without root, only the
 * executable's own heap limit applies.
 */
export const make = (mebibytes: number) =>
  Effect.firstSuccessOf([
    ...hierarchies.map((hierarchy) => inGroup(hierarchy, mebibytes)),
    Effect.succeed<MemoryLimit>({
      wrapCommand: (program, args) => [program, args],
      description: "its own heap limit only: this machine allows no control group"
    })
  ])
