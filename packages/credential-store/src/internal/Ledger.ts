import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result } from "effect"
import type { Awaited, Feed, FeedEvent } from "../feeds/Feed.ts"
import {
  fingerprint,
  identify,
  type Identity,
  type Problem,
  read,
  wanted
} from "../kinds/KubernetesObject.ts"
import type { ReadSource, Slot } from "../kinds/ObjectKind.ts"
import type { Report } from "./Report.ts"
import * as StoredSource from "./kinds/StoredSource.ts"

/** One object of one feed, and what became of it. */
interface Entry {
  readonly feed: number
  identity: Identity
  fingerprint: string | undefined
  /** What serves: its newest state that could be read. */
  good: ReadSource | undefined
  /** Why its newest state cannot be read. */
  problem: Problem | undefined
  /** The older object that serves this one's repository in its place. */
  behind: Entry | undefined
}

/** How far one feed has come. */
interface Progress {
  synced: boolean
  inTouch: boolean
  trouble: string | undefined
  readonly entries: Map<string, Entry>
  twice: ReadonlySet<string>
}

type Delivery = Exclude<FeedEvent, { readonly _tag: "OutOfTouch" }>

/** The answer for a repository. */
export type Found =
  | { readonly _tag: "Source"; readonly source: RegistrySource }
  | { readonly _tag: "Unreadable"; readonly origin: string; readonly detail: string }
  | { readonly _tag: "Unknown" }

/**
 * Folds the events of all feeds into one answer per repository. Each event touches only the repositories its object
 * names, so that thousands of events a second are followed. Synchronous and total; its changes come back as reports.
 */
export class Ledger {
  readonly #feeds: ReadonlyArray<Omit<Feed, "events">>
  readonly #progress: ReadonlyArray<Progress>
  readonly #claims = new Map<Slot, Set<Entry>>()
  readonly #serving = new Map<Slot, Entry>()
  readonly #unreadable = new Map<Slot, Entry>()
  readonly #undecided = new Set<Slot>()
  #broken = 0
  #behind = 0
  #lastSync: Option.Option<number> = Option.none()

  constructor(feeds: ReadonlyArray<Omit<Feed, "events">>) {
    this.#feeds = feeds
    this.#progress = feeds.map(() => ({
      synced: false,
      inTouch: false,
      trouble: undefined,
      entries: new Map(),
      twice: new Set()
    }))
  }

  get sources(): number {
    return this.#serving.size
  }

  /** Objects that cannot be read, or that stand behind an older one. */
  get errors(): number {
    return this.#broken + this.#behind
  }

  get lastSync(): Option.Option<number> {
    return this.#lastSync
  }

  get outOfTouch(): number {
    return this.#progress.filter((progress) => !progress.inTouch).length
  }

  get waitingFor(): ReadonlyArray<Awaited> {
    const missing = this.#feeds.filter((_, index) => this.#progress[index]?.synced !== true)
    return [...new Set(missing.map(({ awaited }) => awaited))]
  }

  /** The source for a path below a repository. */
  find(slot: Slot, path: PathComponents): Found {
    const good = this.#serving.get(slot)?.good
    if (good !== undefined) {
      return Result.match(StoredSource.at(good.source, path), {
        onSuccess: (source): Found => ({ _tag: "Source", source }),
        onFailure: (detail): Found => ({ _tag: "Unreadable", origin: good.source.origin, detail })
      })
    }
    const entry = this.#unreadable.get(slot)
    return entry?.problem === undefined
      ? { _tag: "Unknown" }
      : { _tag: "Unreadable", origin: entry.identity.label, detail: entry.problem.detail }
  }

  /** Takes in one event of the feed at `index`, and says what is worth telling. */
  apply(index: number, event: FeedEvent, now: number): ReadonlyArray<Report> {
    const progress = this.#progress[index]
    const feed = this.#feeds[index]
    if (progress === undefined || feed === undefined) return []
    const reports: Array<Report> = []
    if (event._tag === "OutOfTouch") {
      if (progress.trouble !== event.detail) {
        const rest = progress.synced ? "what was read before goes on serving" : "nothing was read from it yet"
        reports.push({ level: "Warn", message: `${feed.name}: ${event.detail}; ${rest}` })
      }
      progress.inTouch = false
      progress.trouble = event.detail
      return reports
    }
    this.#lastSync = Option.some(now)
    this.#deliver(index, progress, event, reports)
    for (const slot of this.#undecided) this.#decide(slot, reports)
    this.#undecided.clear()
    // A watch delivers single objects only after its list, but that is for the feed to keep.
    if (event._tag === "Synced" && !progress.synced) {
      progress.synced = true
      reports.push({ level: "Info", message: `${feed.name}: read; objects in it: ${progress.entries.size}` })
    } else if (progress.trouble !== undefined) {
      reports.push({ level: "Info", message: `${feed.name}: in touch again` })
    }
    progress.inTouch = progress.synced
    progress.trouble = undefined
    return reports
  }

  #deliver(index: number, progress: Progress, event: Delivery, reports: Array<Report>): void {
    switch (event._tag) {
      case "Synced":
        this.#replaceAll(index, progress, event.objects, reports)
        break
      case "InTouch":
        break
      case "Upsert":
        this.#put(index, progress, identify(event.object, 0), event.object, reports)
        break
      case "Delete": {
        const entry = progress.entries.get(identify(event.object, 0).id)
        if (entry !== undefined) this.#drop(progress, entry, reports)
        break
      }
    }
  }

  #replaceAll(
    index: number,
    progress: Progress,
    objects: ReadonlyArray<unknown>,
    reports: Array<Report>
  ): void {
    const next = new Map<string, readonly [Identity, unknown]>()
    const twice = new Map<string, string>()
    objects.forEach((object, position) => {
      const identity = identify(object, position)
      if (next.has(identity.id)) twice.set(identity.id, identity.label)
      next.set(identity.id, [identity, object])
    })
    for (const [id, label] of twice) {
      if (!progress.twice.has(id))
        reports.push({ level: "Warn", message: `${label} is given twice; the last counts` })
    }
    progress.twice = new Set(twice.keys())
    for (const entry of progress.entries.values()) {
      if (!next.has(entry.identity.id)) this.#drop(progress, entry, reports)
    }
    for (const [identity, object] of next.values()) this.#put(index, progress, identity, object, reports)
  }

  #put(index: number, progress: Progress, identity: Identity, object: unknown, reports: Array<Report>): void {
    const known = progress.entries.get(identity.id)
    const print = fingerprint(object, identity)
    if (known !== undefined && print !== undefined && known.fingerprint === print) return
    const entry: Entry = known ?? {
      feed: index,
      identity,
      fingerprint: print,
      good: undefined,
      problem: undefined,
      behind: undefined
    }
    const before = slotsOf(entry)
    progress.entries.set(identity.id, entry)
    entry.identity = identity
    entry.fingerprint = print
    this.#take(entry, object, known === undefined, reports)
    this.#claim(entry, before)
  }

  #take(entry: Entry, object: unknown, isNew: boolean, reports: Array<Report>): void {
    const { kind, label } = entry.identity
    if (kind === "Ignored") {
      if (isNew) reports.push({ level: "Debug", message: `${label} is left out: ${wanted}` })
      return
    }
    const wasBroken = entry.problem !== undefined
    const lastWarning = entry.good?.source.warning
    const result: Result.Result<ReadSource, Problem> =
      kind === "Malformed"
        ? Result.fail({ slot: undefined, detail: "it is left out" })
        : read(object, kind, entry.identity, entry.good?.source)
    if (Result.isSuccess(result)) {
      entry.good = result.success
      entry.problem = undefined
      if (wasBroken) reports.push({ level: "Info", message: `${label} can be read again` })
      else reports.push({ level: "Debug", message: `${label} was read` })
      const { warning } = result.success.source
      if (warning !== undefined && warning !== lastWarning) {
        reports.push({ level: "Warn", message: `${label}: ${warning}` })
      }
    } else {
      entry.problem = result.failure
      const rest = entry.good === undefined ? "it does not serve" : "its last good state goes on serving"
      reports.push({ level: "Warn", message: `${label} cannot be read: ${result.failure.detail}; ${rest}` })
    }
    this.#broken += Number(entry.problem !== undefined) - Number(wasBroken)
  }

  #drop(progress: Progress, entry: Entry, reports: Array<Report>): void {
    const before = slotsOf(entry)
    progress.entries.delete(entry.identity.id)
    if (entry.problem !== undefined) this.#broken--
    entry.good = undefined
    entry.problem = undefined
    if (entry.identity.kind !== "Ignored")
      reports.push({ level: "Debug", message: `${entry.identity.label} is gone` })
    this.#claim(entry, before)
  }

  /** Notes which repositories the entry names now; those it named or names are decided once the event is taken in. */
  #claim(entry: Entry, before: ReadonlySet<Slot>): void {
    const after = slotsOf(entry)
    for (const slot of before) {
      if (!after.has(slot)) this.#claims.get(slot)?.delete(entry)
    }
    for (const slot of after) {
      const claims = this.#claims.get(slot)
      if (claims === undefined) this.#claims.set(slot, new Set([entry]))
      else claims.add(entry)
    }
    if (entry.good === undefined) this.#setBehind(entry, undefined)
    for (const slot of [...before, ...after]) this.#undecided.add(slot)
  }

  #decide(slot: Slot, reports: Array<Report>): void {
    const claims = this.#claims.get(slot)
    if (claims?.size === 0) this.#claims.delete(slot)
    const order = [...(claims ?? [])].sort((a, b) => this.#compare(a, b))
    const good = order.filter((entry) => entry.good?.slot === slot)
    const first = good[0]
    if (first === undefined) this.#serving.delete(slot)
    else this.#serving.set(slot, first)
    const broken = first === undefined ? order.find((entry) => entry.problem?.slot === slot) : undefined
    if (broken === undefined) this.#unreadable.delete(slot)
    else this.#unreadable.set(slot, broken)
    for (const entry of good) {
      const winner =
        entry !== first && first !== undefined && this.#rank(first) === this.#rank(entry) ? first : undefined
      if (winner !== undefined && entry.behind !== winner) {
        reports.push({
          level: "Warn",
          message: `${this.#describe(entry)} names the repository of ${this.#describe(winner)}, ${
            winner.identity.created < entry.identity.created
              ? "which is older and serves it"
              : "which goes first and serves it"
          }`
        })
      }
      this.#setBehind(entry, winner)
    }
  }

  #setBehind(entry: Entry, winner: Entry | undefined): void {
    this.#behind += Number(winner !== undefined) - Number(entry.behind !== undefined)
    entry.behind = winner
  }

  #rank(entry: Entry): number {
    return this.#feeds[entry.feed]?.precedence ?? 0
  }

  #describe(entry: Entry): string {
    return `${entry.identity.label} (${this.#feeds[entry.feed]?.name ?? "unknown feed"})`
  }

  /**
   * Who serves a repository that several objects name: the feed's precedence, then the older object (one without a
   * creationTimestamp never came from an API server; it was written by hand and counts as the oldest), then the feed
   * named first, then the name.
   */
  #compare(a: Entry, b: Entry): number {
    const age = a.identity.created === b.identity.created ? 0 : a.identity.created - b.identity.created
    return this.#rank(a) - this.#rank(b) || age || a.feed - b.feed || (a.identity.id < b.identity.id ? -1 : 1)
  }
}

const slotsOf = (entry: Entry): ReadonlySet<Slot> =>
  new Set([entry.good?.slot, entry.problem?.slot].filter((slot) => slot !== undefined))
