import { Effect, FileSystem, Path } from "effect"
import { mkdirSync, rmdirSync } from "node:fs"

/**
 * A memory limit for programs, like that of a container. `wrapCommand` returns a command line that runs a program
 * within this limit.
 */
export interface MemoryLimit {
  readonly wrapCommand: (
    program: string,
    args: ReadonlyArray<string>
  ) => readonly [string, ReadonlyArray<string>]
  readonly description: string
}

/** The mount point and the name of the limit file, for control groups of version 1 and of version 2. */
const hierarchies = [
  { root: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" },
  { root: "/sys/fs/cgroup", file: "memory.max" }
] as const

const attempt = <A>(act: () => A): Effect.Effect<A, Error> =>
  Effect.try({ try: act, catch: (cause) => new Error("no control group", { cause }) })

/**
 * Creates a control group with a memory limit. Fails if this machine does not allow control groups. The end of the
 * scope removes the group.
 */
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
 * Makes a memory limit that uses a control group. If this machine allows no control groups, for example without root,
 * `wrapCommand` sets no limit. Then only the executable's own heap limit applies.
 */
export const make = (mebibytes: number) =>
  Effect.firstSuccessOf([
    ...hierarchies.map((hierarchy) => inGroup(hierarchy, mebibytes)),
    Effect.succeed<MemoryLimit>({
      wrapCommand: (program, args) => [program, args],
      description: "its own heap limit only: this machine allows no control group"
    })
  ])
