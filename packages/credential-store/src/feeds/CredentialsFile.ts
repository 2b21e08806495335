import { createHash } from "node:crypto"
import { type Duration, Effect, FileSystem, type PlatformError, Result, Stream } from "effect"
import * as Feed from "./Feed.ts"
import { parse } from "./Documents.ts"

/** Files larger than this are refused: parsing blocks the program, some 0.05 s a MiB, up to 0.15 s for YAML of tiny lines. */
export const maxFileSize = 4 * 1024 * 1024

/** How often the file is read. */
const every: Duration.Input = "2 seconds"

/** A change counts once two readings this far apart agree, so that a file caught half-written is not taken. */
const settle: Duration.Input = "500 millis"

/** Readings in which a file may keep changing until the next poll is left to see it settled. */
const settleAttempts = 6

/** What a reading found; `print` is equal for equal findings. */
type Reading =
  | { readonly _tag: "Content"; readonly print: string; readonly bytes: Uint8Array }
  | { readonly _tag: "Trouble"; readonly print: string; readonly detail: string }

const trouble = (detail: string): Reading => ({ _tag: "Trouble", print: `trouble: ${detail}`, detail })

const content = (bytes: Uint8Array): Reading => ({
  _tag: "Content",
  print: createHash("sha256").update(bytes).digest("base64"),
  bytes
})

const explain = ({ reason }: PlatformError.PlatformError): Reading => {
  switch (reason._tag) {
    case "NotFound":
      return trouble("there is no such file")
    case "PermissionDenied":
      return trouble("reading it is not permitted")
    default:
      return trouble(`it cannot be read (${reason._tag})`)
  }
}

const tooLarge = trouble(`it is larger than ${maxFileSize / 1024 / 1024} MiB; split it into several files`)

const readFile = Effect.fnUntraced(
  function* (fs: FileSystem.FileSystem, path: string) {
    const info = yield* fs.stat(path)
    if (info.type !== "File") return trouble("it is not a regular file")
    if (info.size > maxFileSize) return tooLarge
    const bytes = yield* fs.readFile(path)
    return bytes.length > maxFileSize ? tooLarge : content(bytes)
  },
  Effect.catchTag("PlatformError", (error) => Effect.succeed(explain(error)))
)

const decodeText = (bytes: Uint8Array): Result.Result<string, string> => {
  try {
    return Result.succeed(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    return Result.fail("it is not UTF-8 text")
  }
}

/** What a reading means for the store. */
const interpret = Effect.fnUntraced(function* (reading: Reading): Effect.fn.Return<Feed.FeedEvent> {
  if (reading._tag === "Trouble") return Feed.outOfTouch(reading.detail)
  const text = decodeText(reading.bytes)
  const objects = Result.isFailure(text) ? Result.fail(text.failure) : yield* parse(text.success)
  return Result.match(objects, { onFailure: Feed.outOfTouch, onSuccess: Feed.synced })
})

/** The last reading that was interpreted, and what to say while the file stays like it. */
interface State {
  readonly print: string
  readonly standing: Feed.FeedEvent
}

const stateOf = (reading: Reading, event: Feed.FeedEvent): State => ({
  print: reading.print,
  standing: event._tag === "Synced" ? Feed.inTouch : event
})

/**
 * The objects of a credentials file: JSON or YAML with ModuleSources and the registry's Secret.
 *
 * The file is read every 2 s and compared by content, which sees a rewrite, a rename and the symlink swap of
 * Kubernetes mounts alike; a change is in effect within 3 s of the file's last write. A file that is missing, empty,
 * too large, or cannot be parsed is told as `OutOfTouch`, since what it should say is unknown: the last good content
 * goes on serving as a whole, and a repository that is not in it may well exist. Objects that are no longer in the
 * file are gone.
 */
export const feed = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Feed.Feed, never, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const read = readFile(fs, path)

  const settled = Effect.fnUntraced(function* (first: Reading, until: string) {
    let last = first
    for (let attempt = 0; attempt < settleAttempts && last.print !== until; attempt++) {
      yield* Effect.sleep(settle)
      const next = yield* read
      if (next.print === last.print) return next
      last = next
    }
    return undefined
  })

  const step = Effect.fnUntraced(function* (state: State | undefined) {
    if (state === undefined) {
      const reading = yield* read
      const event = yield* interpret(reading)
      return [event, stateOf(reading, event)] as const
    }
    yield* Effect.sleep(every)
    const reading = yield* settled(yield* read, state.print)
    if (reading === undefined) return [state.standing, state] as const
    const event = yield* interpret(reading)
    return [event, stateOf(reading, event)] as const
  })

  return {
    name: `credentials file ${path.slice(path.lastIndexOf("/") + 1)}`,
    awaited: "credentials-files",
    precedence: Feed.precedence.file,
    events: Stream.unfold<State | undefined, Feed.FeedEvent, never, never>(undefined, step)
  }
})
