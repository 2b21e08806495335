import { Effect, FileSystem, Path } from "effect"
import * as Daemon from "../machine/Daemon.ts"

export interface ContainerOptions {
  /** The name of its log. */
  readonly name: string
  /** Where the image's files are. */
  readonly root: string
  /** A folder that the container has as /cache, the only one that it may write to. */
  readonly cache: string
  /** A folder that it has as /credentials. */
  readonly credentials: string
  readonly user: number
  readonly args: ReadonlyArray<string>
}

/** Mounts as a container runtime does, on a root that cannot be written to, and becomes the program as a user without rights. */
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

/** The command that runs the program from an image's files, as the process that it is started as. Needs root. */
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
