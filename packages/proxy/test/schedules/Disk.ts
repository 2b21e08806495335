import { diskUse } from "@registry-packages-proxy/testkit/DiskUse"
import { type FileOperation, intercept } from "@registry-packages-proxy/testkit/FaultyFileSystem"
import { Effect, type FileSystem } from "effect"
import { systemError } from "effect/PlatformError"
import {
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import type { Step } from "./Step.ts"
import type { Motion } from "./Settling.ts"

/** What can make the directory take more. */
const growing: ReadonlySet<FileOperation> = new Set(["open", "write"])

/** The cache directory as it really is: what it takes at most, and damage done to it from outside. */
export class Disk {
  readonly directory: string
  /** The most it took above what was allowed; 0 where it kept to that. */
  excess = 0
  /** Room taken by what a test put there while the cache was not looking. */
  allowance = 0
  readonly #cap: number

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

  /** The file system for one run: looked at after each change, and dead from the moment `isDead` says so. */
  fileSystem(fs: FileSystem.FileSystem, motion: Motion, isDead: () => boolean): FileSystem.FileSystem {
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
    return intercept(closing, {
      before: (operation, path) =>
        Effect.suspend(() => {
          motion.files++
          if (operation === "remove" || operation === "rename") this.#mayHoldDeleted = this.#open > 0
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
      after: (operation) =>
        Effect.sync(() => {
          motion.files--
          if (growing.has(operation)) this.look()
        })
    })
  }

  /** What lies in the cache's own directory, `ingest-N` for what is being written. */
  files(): ReadonlyArray<string> {
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
  damage({ at, how }: Extract<Step, { readonly _tag: "File" }>): void {
    this.#mayHoldDeleted = this.#open > 0
    if (how === "delete all") return rmSync(this.directory, { recursive: true, force: true })
    const files = this.files()
    const file = files[at % Math.max(1, files.length)]
    if (file === undefined) return
    // Nobody can tell a write of somebody else's among one's own.
    if ((how === "corrupt" || how === "truncate") && file.includes("/ingest-")) return
    const { size } = lstatSync(file)
    switch (how) {
      case "corrupt": {
        if (size === 0) return
        const bytes = readFileSync(file)
        bytes.writeUInt8(bytes.readUInt8(size >> 1) ^ 0xff, size >> 1)
        writeFileSync(file, bytes, { flag: "r+" })
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
