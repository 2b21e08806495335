import { Effect, FileSystem, Path } from "effect"
import { mkdirSync, rmdirSync } from "node:fs"

/** A memory limit as a container's: the command that starts a program within it, and a description of it. */
export interface MemoryLimit {
  readonly command: (program: string, args: ReadonlyArray<string>) => readonly [string, ReadonlyArray<string>]
  readonly description: string
}

/** Linux's control groups of both versions: where they are, and the file that has the limit. */
const hierarchies = [
  { root: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" },
  { root: "/sys/fs/cgroup", file: "memory.max" }
] as const

const attempt = <A>(act: () => A): Effect.Effect<A, Error> =>
  Effect.try({ try: act, catch: (cause) => new Error("no control group", { cause }) })

/** A control group of its own, gone with the scope. */
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
  // Absent where the hierarchy does not limit memory.
  yield* fs.access(path.join(group, file))
  yield* fs.writeFileString(path.join(group, file), String(mebibytes * 1024 * 1024), { flag: "r+" })
  const limit: MemoryLimit = {
    command: (program, args) => [
      "/bin/sh",
      ["-c", 'echo $$ >"$0" && exec "$@"', path.join(group, "cgroup.procs"), program, ...args]
    ],
    description: `${mebibytes} MiB by the control group ${group}`
  }
  return limit
})

/** A limit of so many MiB by a control group, which takes root; where there can be none, the executable's own on its heap. */
export const make = (mebibytes: number) =>
  Effect.firstSuccessOf([
    ...hierarchies.map((hierarchy) => inGroup(hierarchy, mebibytes)),
    Effect.succeed<MemoryLimit>({
      command: (program, args) => [program, args],
      description: "its own limit on the heap alone, since no control group can be made here"
    })
  ])
