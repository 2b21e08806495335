import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result } from "effect"
import type { AwaitedObjects, Feed, FeedEvent } from "../feeds/Feed.ts"
import {
  contentHashOf,
  identify,
  type ObjectIdentity,
  type InvalidObject,
  decode,
  skipReason
} from "../kinds/KubernetesObject.ts"
import type { DecodedSource, SourceKey } from "../kinds/ObjectKind.ts"
import type { LogEvent } from "./LogEvent.ts"
import * as StoredSource from "./kinds/StoredSource.ts"

/** An object that a feed delivered, and the result of its decoding. */
interface Entry {
  /** The index of the feed that delivered the object. */
  readonly feed: number
  identity: ObjectIdentity
  contentHash: string | undefined
  /**
   * The last valid version of the object. Used even if a later version is invalid. Undefined if no version was valid.
   */
  lastValid: DecodedSource | undefined
  /** The error of the last delivered version of the object. Undefined if that version is valid. */
  invalid: InvalidObject | undefined
  /**
   * Another object that names the same repository and is used instead of this object. Undefined if there is no such
   * object. Both objects come from feeds with the same `precedence`.
   */
  shadowedBy: Entry | undefined
}

interface FeedState {
  synced: boolean
  upToDate: boolean
  /** The `detail` of the last event if the event was `Stale`, else undefined. */
  outage: string | undefined
  readonly entries: Map<string, Entry>
  /** The ids of objects that occurred more than once in the last `Synced` event. */
  duplicates: ReadonlySet<string>
}

type Delivery = Exclude<FeedEvent, { readonly _tag: "Stale" }>

/** The result of `SourceIndex.find`. */
export type LookupResult =
  | { readonly _tag: "Source"; readonly source: RegistrySource }
  | { readonly _tag: "Unreadable"; readonly sourceObject: string; readonly detail: string }
  | { readonly _tag: "Unknown" }

/**
 * Collects the objects that feeds deliver, and finds the source of a repository. An event updates only the repositories
 * that its objects name, so that thousands of events a second can be applied. All methods are synchronous and never
 * throw.
 */
export class SourceIndex {
  readonly #feeds: ReadonlyArray<Omit<Feed, "events">>
  readonly #states: ReadonlyArray<FeedState>
  /** The objects, valid or invalid, by the repository that they name. */
  readonly #claims = new Map<SourceKey, Set<Entry>>()
  readonly #serving = new Map<SourceKey, Entry>()
  readonly #unreadable = new Map<SourceKey, Entry>()
  readonly #undecided = new Set<SourceKey>()
  #invalidCount = 0
  #shadowedCount = 0
  #lastSync: Option.Option<number> = Option.none()

  constructor(feeds: ReadonlyArray<Omit<Feed, "events">>) {
    this.#feeds = feeds
    this.#states = feeds.map(() => ({
      synced: false,
      upToDate: false,
      outage: undefined,
      entries: new Map(),
      duplicates: new Set()
    }))
  }

  /** The number of repositories with a source. */
  get sourceCount(): number {
    return this.#serving.size
  }

  /**
   * The number of invalid objects plus the number of objects with a {@link Entry.shadowedBy}. An invalid object with a
   * `shadowedBy` counts twice.
   */
  get errorCount(): number {
    return this.#invalidCount + this.#shadowedCount
  }

  /**
   * The time of the last event other than `Stale`, in milliseconds since the epoch. None if there was no such event.
   */
  get lastSync(): Option.Option<number> {
    return this.#lastSync
  }

  /** The number of feeds that have not delivered objects yet, or cannot read their file or API server now. */
  get staleFeedCount(): number {
    return this.#states.filter((state) => !state.upToDate).length
  }

  /**
   * Returns the field `awaited` of each feed that has not delivered its objects yet, for example `credentials-files`.
   * Equal values are returned once.
   */
  get waitingFor(): ReadonlyArray<AwaitedObjects> {
    const missing = this.#feeds.filter((_, index) => this.#states[index]?.synced !== true)
    return [...new Set(missing.map(({ awaited }) => awaited))]
  }

  /**
   * Returns the source of a repository, with the credential for `path` below that repository. Returns `Unreadable` if
   * that credential is invalid, or if only invalid objects name the repository. Returns `Unknown` if no object names
   * it.
   */
  find(key: SourceKey, path: PathComponents): LookupResult {
    const serving = this.#serving.get(key)?.lastValid
    if (serving !== undefined) {
      return Result.match(StoredSource.forPath(serving.source, path), {
        onSuccess: (source): LookupResult => ({ _tag: "Source", source }),
        onFailure: (detail): LookupResult => ({
          _tag: "Unreadable",
          sourceObject: serving.source.sourceObject,
          detail
        })
      })
    }
    const entry = this.#unreadable.get(key)
    return entry?.invalid === undefined
      ? { _tag: "Unknown" }
      : { _tag: "Unreadable", sourceObject: entry.identity.displayName, detail: entry.invalid.detail }
  }

  /**
   * Applies an event of the feed at `index`, and returns the lines to log. `now` is in milliseconds since the epoch.
   */
  apply(index: number, event: FeedEvent, now: number): ReadonlyArray<LogEvent> {
    const state = this.#states[index]
    const feed = this.#feeds[index]
    if (state === undefined || feed === undefined) return []
    const log: Array<LogEvent> = []
    if (event._tag === "Stale") {
      if (state.outage !== event.detail) {
        const consequence = state.synced ? "previous objects stay in use" : "no objects were read yet"
        log.push({
          level: "Warn",
          message: "credentials feed out of touch",
          fields: { feed: feed.name, detail: event.detail, consequence }
        })
      }
      state.upToDate = false
      state.outage = event.detail
      return log
    }
    this.#lastSync = Option.some(now)
    this.#deliver(index, state, event, log)
    for (const key of this.#undecided) this.#decide(key, log)
    this.#undecided.clear()
    // Feeds must deliver Synced before single objects.
    if (event._tag === "Synced" && !state.synced) {
      state.synced = true
      log.push({
        level: "Info",
        message: "credentials feed synced",
        fields: { feed: feed.name, objects: state.entries.size }
      })
    } else if (state.outage !== undefined) {
      log.push({ level: "Info", message: "credentials feed in touch again", fields: { feed: feed.name } })
    }
    state.upToDate = state.synced
    state.outage = undefined
    return log
  }

  #deliver(index: number, state: FeedState, event: Delivery, log: Array<LogEvent>): void {
    switch (event._tag) {
      case "Synced":
        this.#replaceAll(index, state, event.objects, log)
        break
      case "UpToDate":
        break
      case "Upsert":
        this.#put(index, state, identify(event.object, 0), event.object, log)
        break
      case "Delete": {
        const entry = state.entries.get(identify(event.object, 0).id)
        if (entry !== undefined) this.#drop(state, entry, log)
        break
      }
    }
  }

  #replaceAll(index: number, state: FeedState, objects: ReadonlyArray<unknown>, log: Array<LogEvent>): void {
    const next = new Map<string, readonly [ObjectIdentity, unknown]>()
    const duplicates = new Map<string, string>()
    objects.forEach((object, position) => {
      const identity = identify(object, position)
      if (next.has(identity.id)) duplicates.set(identity.id, identity.displayName)
      next.set(identity.id, [identity, object])
    })
    for (const [id, label] of duplicates) {
      if (!state.duplicates.has(id)) {
        log.push({
          level: "Warn",
          message: "duplicate object: the last one is used",
          fields: { object: label }
        })
      }
    }
    state.duplicates = new Set(duplicates.keys())
    for (const entry of state.entries.values()) {
      if (!next.has(entry.identity.id)) this.#drop(state, entry, log)
    }
    for (const [identity, object] of next.values()) this.#put(index, state, identity, object, log)
  }

  #put(
    index: number,
    state: FeedState,
    identity: ObjectIdentity,
    object: unknown,
    log: Array<LogEvent>
  ): void {
    const previous = state.entries.get(identity.id)
    const hash = contentHashOf(object, identity)
    if (previous !== undefined && hash !== undefined && previous.contentHash === hash) return
    const entry: Entry = previous ?? {
      feed: index,
      identity,
      contentHash: hash,
      lastValid: undefined,
      invalid: undefined,
      shadowedBy: undefined
    }
    const before = keysOf(entry)
    state.entries.set(identity.id, entry)
    entry.identity = identity
    entry.contentHash = hash
    this.#read(entry, object, previous === undefined, log)
    this.#claim(entry, before)
  }

  #read(entry: Entry, object: unknown, isNew: boolean, log: Array<LogEvent>): void {
    const { kind, displayName } = entry.identity
    if (kind === "Ignored") {
      if (isNew) {
        log.push({
          level: "Debug",
          message: "skipping object",
          fields: { object: displayName, reason: skipReason }
        })
      }
      return
    }
    const wasInvalid = entry.invalid !== undefined
    const lastWarning = entry.lastValid?.source.warning
    const result: Result.Result<DecodedSource, InvalidObject> =
      kind === "Malformed"
        ? Result.fail({
            key: undefined,
            detail: "it is not a Kubernetes object with apiVersion, kind and metadata"
          })
        : decode(object, kind, entry.identity, entry.lastValid?.source)
    if (Result.isSuccess(result)) {
      entry.lastValid = result.success
      entry.invalid = undefined
      log.push({
        level: wasInvalid ? "Info" : "Debug",
        message: wasInvalid ? "object is valid again" : "object read",
        fields: { object: displayName }
      })
      const { warning } = result.success.source
      if (warning !== undefined && warning !== lastWarning) {
        log.push({
          level: "Warn",
          message: "object may be wrong",
          fields: { object: displayName, detail: warning }
        })
      }
    } else {
      entry.invalid = result.failure
      const consequence =
        entry.lastValid === undefined ? "the object is not used" : "its last valid version stays in use"
      log.push({
        level: "Warn",
        message: "invalid object",
        fields: { object: displayName, detail: result.failure.detail, consequence }
      })
    }
    this.#invalidCount += Number(entry.invalid !== undefined) - Number(wasInvalid)
  }

  #drop(state: FeedState, entry: Entry, log: Array<LogEvent>): void {
    const before = keysOf(entry)
    state.entries.delete(entry.identity.id)
    if (entry.invalid !== undefined) this.#invalidCount--
    entry.lastValid = undefined
    entry.invalid = undefined
    if (entry.identity.kind !== "Ignored") {
      log.push({ level: "Debug", message: "object deleted", fields: { object: entry.identity.displayName } })
    }
    this.#claim(entry, before)
  }

  /**
   * Updates `#claims` after `entry` has changed. `before` contains the repositories that the entry named before the
   * change. Adds the previous and the current repositories of the entry to `#undecided`. `apply` then chooses the
   * objects for these repositories again.
   */
  #claim(entry: Entry, before: ReadonlySet<SourceKey>): void {
    const after = keysOf(entry)
    for (const key of before) {
      if (!after.has(key)) this.#claims.get(key)?.delete(entry)
    }
    for (const key of after) {
      const claims = this.#claims.get(key)
      if (claims === undefined) this.#claims.set(key, new Set([entry]))
      else claims.add(entry)
    }
    if (entry.lastValid === undefined) this.#setShadowedBy(entry, undefined)
    for (const key of [...before, ...after]) this.#undecided.add(key)
  }

  /**
   * Chooses the object that is used for a repository. If no object is valid, chooses the invalid object that `find`
   * reports. Sets {@link Entry.shadowedBy} of the valid objects. Logs an object if its `shadowedBy` becomes
   * another object.
   */
  #decide(key: SourceKey, log: Array<LogEvent>): void {
    const claims = this.#claims.get(key)
    if (claims?.size === 0) this.#claims.delete(key)
    const order = [...(claims ?? [])].sort((a, b) => this.#compare(a, b))
    const valid = order.filter((entry) => entry.lastValid?.key === key)
    const first = valid[0]
    if (first === undefined) this.#serving.delete(key)
    else this.#serving.set(key, first)
    const invalid = first === undefined ? order.find((entry) => entry.invalid?.key === key) : undefined
    if (invalid === undefined) this.#unreadable.delete(key)
    else this.#unreadable.set(key, invalid)
    for (const entry of valid) {
      const winner =
        entry !== first && first !== undefined && this.#rank(first) === this.#rank(entry) ? first : undefined
      if (winner !== undefined && entry.shadowedBy !== winner) {
        const isOlder = winner.identity.createdAt < entry.identity.createdAt
        log.push({
          level: "Warn",
          message: "object ignored: another one serves its repository",
          fields: {
            object: entry.identity.displayName,
            feed: this.#feedName(entry),
            servedBy: winner.identity.displayName,
            servedByFeed: this.#feedName(winner),
            reason: isOlder ? "it is older" : "it comes first"
          }
        })
      }
      this.#setShadowedBy(entry, winner)
    }
  }

  #setShadowedBy(entry: Entry, winner: Entry | undefined): void {
    this.#shadowedCount += Number(winner !== undefined) - Number(entry.shadowedBy !== undefined)
    entry.shadowedBy = winner
  }

  #rank(entry: Entry): number {
    return this.#feeds[entry.feed]?.precedence ?? 0
  }

  #feedName(entry: Entry): string {
    return this.#feeds[entry.feed]?.name ?? "unknown feed"
  }

  /**
   * Compares two objects that name the same repository. The store uses the first valid object in this order: smaller
   * precedence of the feed, older object, earlier feed, smaller id. An object without `creationTimestamp` was written
   * by hand and counts as the oldest.
   */
  #compare(a: Entry, b: Entry): number {
    const age =
      a.identity.createdAt === b.identity.createdAt ? 0 : a.identity.createdAt - b.identity.createdAt
    return this.#rank(a) - this.#rank(b) || age || a.feed - b.feed || (a.identity.id < b.identity.id ? -1 : 1)
  }
}

const keysOf = (entry: Entry): ReadonlySet<SourceKey> =>
  new Set([entry.lastValid?.key, entry.invalid?.key].filter((key) => key !== undefined))
