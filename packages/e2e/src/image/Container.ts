import { Effect, FileSystem, Path } from "effect"
import * as Daemon from "../machine/Daemon.ts"

export interface ContainerOptions {
  /** Name of the container's log. */
  readonly name: string
  /** The directory with the image's files. */
  readonly imageRoot: string
  /** The directory of this machine that is mounted at /cache. */
  readonly cacheDirectory: string
  /** The directory of this machine that is mounted at /credentials. */
  readonly credentialsDirectory: string
  readonly user: number
  readonly args: ReadonlyArray<string>
}

/** Makes the image's files a read-only root, like a container runtime, and runs the program as an unprivileged user. */
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
 * Returns the command that runs the program from an image's files. The command ends in `exec`, so the program has the
 * process ID of the command. Needs root.
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

/** Runs the program from an image's files. Needs root. */
export const start = (options: ContainerOptions) =>
  Effect.flatMap(runCommand(options), (found) => Daemon.start(options.name, ...found))
