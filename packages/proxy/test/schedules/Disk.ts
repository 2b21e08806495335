import type { InodeChanges } from "@registry-packages-proxy/digest-cache/InodeChanges"
import { installed } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { diskUse } from "@registry-packages-proxy/testkit/blob-store/DiskUse"
import {
  type FileOperation,
  intercept,
  interceptInodeChanges,
  type Interceptor
} from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { Effect, type FileSystem } from "effect"
import { systemError } from "effect/PlatformError"
import {
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import type { Motion } from "./Settling.ts"
import type { Damage, Step } from "./Step.ts"

/** What can make the directory take more. */
const growing: ReadonlySet<FileOperation> = new Set(["open", "write"])

const isPackage = (path: string): boolean => path.includes("/blobs/") && !path.includes("/ingest-")

/** Answers nothing where a file went away meanwhile. */
const ifThere = (act: () => void): void => {
  try {
    act()
  } catch {
    // It is not there to be damaged.
  }
}

/** Turns a byte in the middle. */
const corrupt = (file: string): void => {
  const bytes = readFileSync(file)
  if (bytes.length === 0) return
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1)
  writeFileSync(file, bytes, { flag: "r+" })
}

/** Turns a byte, and gives the file the times it had: what is left is the time of the inode's change. */
const corruptUnseen = (file: string): void => {
  const { atimeMs, ctimeNs, mtimeMs } = statSync(file, { bigint: true })
  corrupt(file)
  // The middle of a millisecond, which stays in it however it is rounded; again until the disk's clock has gone on.
  do utimesSync(file, (Number(atimeMs) + 0.5) / 1000, (Number(mtimeMs) + 0.5) / 1000)
  while (statSync(file, { bigint: true }).ctimeNs === ctimeNs)
}

/** The cache directory as it really is: what it takes at most, and damage done to it from outside. */
export class Disk {
  readonly directory: string
  /** The most it took above what was allowed; 0 where it kept to that. */
  excess = 0
  /** Room taken by what a test put there while the cache was not looking. */
  allowance = 0
  readonly #cap: number
  /** What is to be done between two steps of the program. */
  #trap: Extract<Step, { readonly _tag: "Between" }> | undefined = undefined

  constructor(directory: string, cap: number) {
    this.directory = directory
    this.#cap = cap
  }

  // Deleted files are looked for among this process's descriptors, which takes long, only where there may be some.
  #mayHoldDeleted = false
  #damages = 0
  #open = 0

  look(): void {
    const use = diskUse(this.directory, { deleted: this.#mayHoldDeleted })
    this.excess = Math.max(this.excess, use - this.#cap - this.allowance)
  }

  /** Waits for the program to look at a package's file, or to begin reading it; undefined: no more. */
  setTrap(trap: Extract<Step, { readonly _tag: "Between" }> | undefined): void {
    this.#trap = trap
  }

  #spring(moment: "looked at" | "read", path: string): void {
    const trap = this.#trap
    if (trap?.moment !== moment || !isPackage(path)) return
    this.#trap = undefined
    this.#mayHoldDeleted = this.#open > 0
    ifThere(() => this.#damageFile(path, trap.how))
  }

  /** The files of one run: looked at after each change, and dead from the moment `isDead` says so. */
  files(
    fs: FileSystem.FileSystem,
    inodeChanges: typeof InodeChanges.Service,
    motion: Motion,
    isDead: () => boolean
  ): { readonly fileSystem: FileSystem.FileSystem; readonly inodeChanges: typeof InodeChanges.Service } {
    const closing: FileSystem.FileSystem = {
      ...fs,
      // Finalizers run backwards: the one registered first hears that the file is closed.
      open: (path, options) =>
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            motion.files--
            if (--this.#open === 0) this.#mayHoldDeleted = false
          })
        ).pipe(
          Effect.andThen(Effect.sync(() => void this.#open++)),
          Effect.andThen(fs.open(path, options)),
          Effect.onExit(() => Effect.addFinalizer(() => Effect.sync(() => void motion.files++))),
          Effect.uninterruptible
        )
    }
    const interceptor: Interceptor = {
      before: (operation, path) =>
        Effect.suspend(() => {
          motion.files++
          if (operation === "remove" || operation === "rename") this.#mayHoldDeleted = this.#open > 0
          if (operation === "read") this.#spring("read", path)
          return isDead()
            ? Effect.fail(
                systemError({
                  _tag: "Unknown",
                  module: "FileSystem",
                  method: operation,
                  pathOrDescriptor: path
                })
              )
            : Effect.void
        }),
      after: (operation, path) =>
        Effect.sync(() => {
          motion.files--
          if (growing.has(operation)) this.look()
          if (operation === "stat") this.#spring("looked at", path)
        })
    }
    return {
      fileSystem: intercept(closing, interceptor),
      inodeChanges: interceptInodeChanges(inodeChanges, interceptor)
    }
  }

  /** What lies in the cache's own directory, `ingest-N` for what is being written. */
  list(): ReadonlyArray<string> {
    const blobs = `${this.directory}/blobs`
    try {
      return readdirSync(blobs)
        .map((file) => `${blobs}/${file}`)
        .sort()
    } catch {
      return []
    }
  }

  /** Does something to one of the files, behind the cache's back. */
  damage({ at, how }: Extract<Step, { readonly _tag: "File" }>, motion: Motion): void {
    this.#mayHoldDeleted = this.#open > 0
    if (how === "delete all") return rmSync(this.directory, { recursive: true, force: true })
    const files = this.list()
    const file = files[at % Math.max(1, files.length)]
    if (file === undefined) return
    if (how !== "corrupt, time put back") return this.#damageFile(file, how)
    // While the program itself changes the inode, nobody could tell.
    if (isPackage(file) && motion.files === 0 && installed().pending === 0) corruptUnseen(file)
  }

  #damageFile(file: string, how: Damage): void {
    // Nobody can tell a write of somebody else's among one's own.
    if ((how === "corrupt" || how === "truncate") && !isPackage(file)) return
    const { size } = lstatSync(file)
    switch (how) {
      case "corrupt": {
        corrupt(file)
        // A disk's clock may be too coarse to tell it from the write before.
        const later = Date.now() / 1000 + ++this.#damages
        return utimesSync(file, later, later)
      }
      case "truncate":
        return truncateSync(file, size >> 1)
      case "delete":
        return rmSync(file)
      case "replace":
        // What still holds the old one goes on holding its room.
        this.allowance += size + 4096
        rmSync(file)
        return writeFileSync(file, Buffer.alloc(size, 7))
      case "touch":
        return utimesSync(file, 1, 1)
    }
  }
}
