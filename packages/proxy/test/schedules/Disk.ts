import type { InodeChanges } from "@registry-packages-proxy/digest-cache/InodeChanges"
import { installedScheduler } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { diskUse } from "@registry-packages-proxy/testkit/blob-store/DiskUse"
import {
  type FileOperation,
  intercept,
  interceptInodeChanges,
  type FileInterceptor
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
import type { Activity } from "./Settling.ts"
import type { Damage, Step } from "./Step.ts"

/** File system calls that can make the cache directory larger. */
const growing: ReadonlySet<FileOperation> = new Set(["open", "write"])

const isPackage = (path: string): boolean => path.includes("/blobs/") && !path.includes("/ingest-")

/** Runs `act`, and ignores its error, because the file may have been deleted meanwhile. */
const ifThere = (act: () => void): void => {
  try {
    act()
  } catch {
    // The file does not exist, so there is nothing to damage.
  }
}

/** Changes a byte in the middle of a file. */
const corrupt = (file: string): void => {
  const bytes = readFileSync(file)
  if (bytes.length === 0) return
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1)
  writeFileSync(file, bytes, { flag: "r+" })
}

/**
 * Changes a byte in the middle of a file, then restores the file's access and modification time. Only the inode's
 * change time (ctime) then shows the change.
 */
const corruptUnseen = (file: string): void => {
  const { atimeMs, ctimeNs, mtimeMs } = statSync(file, { bigint: true })
  corrupt(file)
  // Half a millisecond is added so that rounding cannot change the millisecond. The loop repeats until the coarse clock
  // of the file system gives a new ctime.
  do utimesSync(file, (Number(atimeMs) + 0.5) / 1000, (Number(mtimeMs) + 0.5) / 1000)
  while (statSync(file, { bigint: true }).ctimeNs === ctimeNs)
}

/**
 * The cache directory of registry-packages-proxy on the real disk. Measures by how much the directory exceeds the
 * cache's cap, and damages files as another process would.
 */
export class Disk {
  readonly directory: string
  /**
   * The largest number of bytes by which the directory has exceeded the cap plus `allowance`. 0 if the directory has
   * never exceeded this sum.
   */
  excess = 0
  /**
   * The number of bytes by which the directory may exceed the cap. If another process replaces a file, the number
   * increases, because the old file may still be open and use space.
   */
  allowance = 0
  readonly #cap: number
  /**
   * The damage that is done when registry-packages-proxy next accesses a package's file. Undefined if no damage is
   * planned.
   */
  #trap: Extract<Step, { readonly _tag: "Between" }> | undefined = undefined

  constructor(directory: string, cap: number) {
    this.directory = directory
    this.#cap = cap
  }

  // Searching this process's descriptors for deleted files is slow, so it is done only if this flag is true.
  #mayHoldDeleted = false
  #damages = 0
  #open = 0

  look(): void {
    const use = diskUse(this.directory, { deleted: this.#mayHoldDeleted })
    this.excess = Math.max(this.excess, use - this.#cap - this.allowance)
  }

  /**
   * Sets the damage that is done when registry-packages-proxy next calls stat or read on a package's file. Undefined
   * cancels the damage.
   */
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

  /**
   * Returns the file system and the `InodeChanges` for one run of registry-packages-proxy. After each file system
   * call that can make the cache directory larger, the size of the directory is measured. Once `isDead` returns true,
   * all calls fail.
   */
  files(
    fs: FileSystem.FileSystem,
    inodeChanges: typeof InodeChanges.Service,
    activity: Activity,
    isDead: () => boolean
  ): { readonly fileSystem: FileSystem.FileSystem; readonly inodeChanges: typeof InodeChanges.Service } {
    const closing: FileSystem.FileSystem = {
      ...fs,
      // Finalizers run in reverse order. This finalizer is registered first, so it runs after the file is closed.
      open: (path, options) =>
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            activity.files--
            if (--this.#open === 0) this.#mayHoldDeleted = false
          })
        ).pipe(
          Effect.andThen(Effect.sync(() => void this.#open++)),
          Effect.andThen(fs.open(path, options)),
          Effect.onExit(() => Effect.addFinalizer(() => Effect.sync(() => void activity.files++))),
          Effect.uninterruptible
        )
    }
    const interceptor: FileInterceptor = {
      before: (operation, path) =>
        Effect.suspend(() => {
          activity.files++
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
          activity.files--
          if (growing.has(operation)) this.look()
          if (operation === "stat") this.#spring("looked at", path)
        })
    }
    return {
      fileSystem: intercept(closing, interceptor),
      inodeChanges: interceptInodeChanges(inodeChanges, interceptor)
    }
  }

  /** Returns the sorted paths of all files in `blobs`. Files that are being written have the name `ingest-N`. */
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

  /**
   * Damages one of the cache's files, or deletes the cache directory, as another process would. Omits damage that the
   * cache cannot detect.
   */
  damage({ at, how }: Extract<Step, { readonly _tag: "File" }>, activity: Activity): void {
    this.#mayHoldDeleted = this.#open > 0
    if (how === "delete all") return rmSync(this.directory, { recursive: true, force: true })
    const files = this.list()
    const file = files[at % Math.max(1, files.length)]
    if (file === undefined) return
    if (how !== "corrupt, time put back") return this.#damageFile(file, how)
    // While registry-packages-proxy itself changes the inode, the cache cannot detect a change by another process.
    if (isPackage(file) && activity.files === 0 && installedScheduler().pending === 0) corruptUnseen(file)
  }

  #damageFile(file: string, how: Damage): void {
    // The cache cannot detect a write by another process among its own writes.
    if ((how === "corrupt" || how === "truncate") && !isPackage(file)) return
    const { size } = lstatSync(file)
    switch (how) {
      case "corrupt": {
        corrupt(file)
        // The file system's clock may be too coarse to distinguish this write from the previous write.
        const later = Date.now() / 1000 + ++this.#damages
        return utimesSync(file, later, later)
      }
      case "truncate":
        return truncateSync(file, size >> 1)
      case "delete":
        return rmSync(file)
      case "replace":
        // Open descriptors of the old file still keep its space in use.
        this.allowance += size + 4096
        rmSync(file)
        return writeFileSync(file, Buffer.alloc(size, 7))
      case "touch":
        return utimesSync(file, 1, 1)
    }
  }
}
