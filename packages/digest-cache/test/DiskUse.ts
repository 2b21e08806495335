import { fstatSync, lstatSync, readdirSync, readlinkSync } from "node:fs"

const rounded = (size: number): number => Math.ceil(size / 4096) * 4096

/** Answers nothing where a file went away while it was looked at. */
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
  const inside = info.isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + below(`${path}/${name}`), 0)
    : 0
  return rounded(info.size) + inside
}

/** The bytes a directory takes, in whole 4 KiB blocks: what it lists, and what this process holds open unlinked. */
export const diskUse = (directory: string): number => {
  const inodes = new Map<number, number>()
  for (const fd of readdirSync("/proc/self/fd")) {
    const target = ifThere(() => readlinkSync(`/proc/self/fd/${fd}`))
    if (target?.startsWith(directory) !== true || !target.endsWith(" (deleted)")) continue
    const info = ifThere(() => fstatSync(Number(fd)))
    if (info?.isFile() === true && info.nlink === 0) inodes.set(info.ino, rounded(info.size))
  }
  return below(directory) + [...inodes.values()].reduce((sum, size) => sum + size, 0)
}
