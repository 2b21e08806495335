import { fstatSync, lstatSync, readdirSync, readlinkSync } from "node:fs"

const rounded = (size: number): number => Math.ceil(size / 4096) * 4096

/** Returns the result of `look`, or undefined if `look` throws, for example because the file was removed. */
const ifThere = <A>(look: () => A): A | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

const below = (path: string): number => {
  const info = ifThere(() => lstatSync(path))
  if (info === undefined) return 0
  const names = info.isDirectory() ? (ifThere(() => readdirSync(path)) ?? []) : []
  return rounded(info.size) + names.reduce((sum, name) => sum + below(`${path}/${name}`), 0)
}

/** A file that is open in this process. */
export interface OpenFile {
  readonly fd: number
  /** The path of the file, as /proc/self/fd shows it. The path of a deleted file ends in ` (deleted)`. */
  readonly path: string
}

/** Returns the files below `directory` that are open in this process, including deleted files. */
export const openFiles = (directory: string): ReadonlyArray<OpenFile> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    const path = ifThere(() => readlinkSync(`/proc/self/fd/${fd}`))
    return path?.startsWith(`${directory}/`) === true ? [{ fd: Number(fd), path }] : []
  })

/**
 * Returns the size of a directory on disk, in bytes. The size of each file is rounded up to 4 KiB blocks. Deleted files
 * that are still open in this process are included, unless `deleted` is false. The sizes come from the file system, so
 * a test can compare them with the cache's own count.
 */
export const diskUse = (directory: string, options: { readonly deleted?: boolean } = {}): number => {
  if (options.deleted === false) return below(directory)
  const deleted = new Map<number, number>()
  for (const { fd, path } of openFiles(directory)) {
    if (!path.endsWith(" (deleted)")) continue
    const info = ifThere(() => fstatSync(fd))
    if (info?.isFile() === true && info.nlink === 0) deleted.set(info.ino, rounded(info.size))
  }
  return below(directory) + [...deleted.values()].reduce((sum, size) => sum + size, 0)
}
