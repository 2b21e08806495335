import { createHash } from "node:crypto"
import { type Duration, Effect, FileSystem, type PlatformError, Result, Stream } from "effect"
import * as Feed from "./Feed.ts"
import { parse } from "./ObjectFiles.ts"

/**
 * The maximum size of a file, in bytes. Parsing a file of any content up to this size blocks the event loop for about
 * 0.2 s or less.
 */
export const maxFileSize = 4 * 1024 * 1024

const pollInterval: Duration.Input = "2 seconds"

/**
 * The interval between the reads of a changed file. The change is applied when two reads in a row are equal, so that a
 * half-written file is not used.
 */
const settleInterval: Duration.Input = "500 millis"

/**
 * The maximum number of reads, one per `settleInterval`, while a file keeps changing. If the file still changes after
 * these reads, the next poll reads it again. Until then, the change is not applied.
 */
const maxSettleReads = 6

/** The result of reading the file. `contentHash` is equal for equal results. */
type Reading =
  | { readonly _tag: "Content"; readonly contentHash: string; readonly bytes: Uint8Array }
  | { readonly _tag: "Failed"; readonly contentHash: string; readonly detail: string }

const failed = (detail: string): Reading => ({ _tag: "Failed", contentHash: `failed: ${detail}`, detail })

const content = (bytes: Uint8Array): Reading => ({
  _tag: "Content",
  contentHash: createHash("sha256").update(bytes).digest("base64"),
  bytes
})

const explain = ({ reason }: PlatformError.PlatformError): Reading => {
  switch (reason._tag) {
    case "NotFound":
      return failed("there is no such file")
    case "PermissionDenied":
      return failed("reading it is not permitted")
    default:
      return failed(`it cannot be read (${reason._tag})`)
  }
}

const tooLarge = failed(`it is larger than ${maxFileSize / 1024 / 1024} MiB; split it into several files`)

const readFile = Effect.fnUntraced(
  function* (fs: FileSystem.FileSystem, path: string) {
    const info = yield* fs.stat(path)
    if (info.type !== "File") return failed("it is not a regular file")
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

/** Parses the text of a reading, and returns the event to emit. The event is `Stale` if there is no valid text. */
const interpret = Effect.fnUntraced(function* (reading: Reading): Effect.fn.Return<Feed.FeedEvent> {
  if (reading._tag === "Failed") return Feed.stale(reading.detail)
  const text = decodeText(reading.bytes)
  const objects = Result.isFailure(text) ? Result.fail(text.failure) : yield* parse(text.success)
  return Result.match(objects, { onFailure: Feed.stale, onSuccess: Feed.synced })
})

/**
 * The state of the feed after a poll. `contentHash` is the hash of the last {@link Reading} that the feed processed. If
 * the next poll finds that the file has not changed or is still changing, the feed emits `unchangedEvent`.
 */
interface State {
  readonly contentHash: string
  readonly unchangedEvent: Feed.FeedEvent
}

const stateOf = (reading: Reading, event: Feed.FeedEvent): State => ({
  contentHash: reading.contentHash,
  unchangedEvent: event._tag === "Synced" ? Feed.upToDate : event
})

/**
 * Makes a feed of the objects in a credentials file. The file is JSON or YAML with ModuleSources and the Secret of the
 * cluster's own registry.
 *
 * Reads the file every 2 s and compares its content. This detects a rewrite, a rename and the symlink swap of
 * Kubernetes mounts. A change is applied within 3 s after the last write. Objects that are no longer in the file are
 * deleted from the store.
 *
 * If the file is missing, empty, too large or cannot be parsed, the feed emits `Stale`. All objects of the last valid
 * content then stay in use.
 */
export const feed = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Feed.Feed, never, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const read = readFile(fs, path)

  const settled = Effect.fnUntraced(function* (first: Reading, unchangedHash: string) {
    let last = first
    for (let attempt = 0; attempt < maxSettleReads && last.contentHash !== unchangedHash; attempt++) {
      yield* Effect.sleep(settleInterval)
      const next = yield* read
      if (next.contentHash === last.contentHash) return next
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
    yield* Effect.sleep(pollInterval)
    const reading = yield* settled(yield* read, state.contentHash)
    if (reading === undefined) return [state.unchangedEvent, state] as const
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
