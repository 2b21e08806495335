import { Effect, FileSystem, Path } from "effect"
import * as Daemon from "../machine/Daemon.ts"

export interface ContainerOptions {
  /** Name of the log that receives the container's output. */
  readonly name: string
  /** The directory of this machine that contains the image's files. */
  readonly imageRoot: string
  /** The directory of this machine that is mounted at /cache in the container. */
  readonly cacheDirectory: string
  /** The directory of this machine that is mounted at /credentials in the container. */
  readonly credentialsDirectory: string
  readonly user: number
  readonly args: ReadonlyArray<string>
}

/**
 * Shell script that makes the image's files a read-only root directory, like a container runtime. Then it runs
 * registry-packages-proxy as an unprivileged user.
 */
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

/**
 * Returns the command line that runs registry-packages-proxy from the files of an image. Also creates the mount points
 * and changes the owner of the cache directory. Needs root. The command ends in `exec`, so registry-packages-proxy has
 * the process ID of the command.
 */
export const runCommand = Effect.fnUntraced(function* (options: Omit<ContainerOptions, "name">) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { args, cacheDirectory, credentialsDirectory, imageRoot, user } = options
  for (const directory of ["proc", "dev", "cache", "credentials"]) {
    yield* fs.makeDirectory(path.join(imageRoot, directory), { recursive: true })
  }
  yield* fs.chown(cacheDirectory, user, user)
  const shell = [
    "sh",
    "-c",
    script,
    "sh",
    imageRoot,
    String(user),
    cacheDirectory,
    credentialsDirectory,
    ...args
  ]
  return ["unshare", ["--mount", "--propagation=private", ...shell]] as const
})

/** Starts registry-packages-proxy from the files of an image. Needs root. */
export const start = (options: ContainerOptions) =>
  Effect.flatMap(runCommand(options), (found) => Daemon.start(options.name, ...found))
