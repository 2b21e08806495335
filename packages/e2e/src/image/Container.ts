import { Effect, FileSystem, Path } from "effect"
import * as Daemon from "../machine/Daemon.ts"

export interface ContainerOptions {
  /** Name of its log. */
  readonly name: string
  /** The directory with the image's files. */
  readonly root: string
  /** The host directory of /cache, the only writable one. */
  readonly cache: string
  /** The host directory of /credentials. */
  readonly credentials: string
  readonly user: number
  readonly args: ReadonlyArray<string>
}

/** Mounts like a container runtime, on a read-only root, and runs the program as an unprivileged user. */
const script = `set -eu
root=$1 user=$2 cache=$3 credentials=$4
shift 4
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$cache" "$root/cache"
mount --bind "$credentials" "$root/credentials"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user:$user" --groups= "$root" /registry-packages-proxy "$@"
`

/** The command that runs the program from an image's files, in the process that it is started in. Needs root. */
export const command = Effect.fnUntraced(function* (options: Omit<ContainerOptions, "name">) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { args, cache, credentials, root, user } = options
  for (const directory of ["proc", "dev", "cache", "credentials"]) {
    yield* fs.makeDirectory(path.join(root, directory), { recursive: true })
  }
  yield* fs.chown(cache, user, user)
  const shell = ["sh", "-c", script, "sh", root, String(user), cache, credentials, ...args]
  return ["unshare", ["--mount", "--propagation=private", ...shell]] as const
})

/** Runs the program from an image's files. Needs root. */
export const start = (options: ContainerOptions) =>
  Effect.flatMap(command(options), (found) => Daemon.start(options.name, ...found))
