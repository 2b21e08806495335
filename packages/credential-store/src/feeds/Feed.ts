import { Schema, type Stream } from "effect"
import { kinds } from "../kinds/Kinds.ts"

/**
 * What a feed tells the store. Objects are Kubernetes objects as they came, not decoded: the store decodes each on its
 * own, so that a broken one hurts only itself.
 */
export type FeedEvent =
  /** Everything the feed's origin holds now: an object that is not among them is gone. */
  | { readonly _tag: "Synced"; readonly objects: ReadonlyArray<unknown> }
  /** An object was added or changed. */
  | { readonly _tag: "Upsert"; readonly object: unknown }
  /** An object is gone; only its kind and metadata are looked at. */
  | { readonly _tag: "Delete"; readonly object: unknown }
  /** What was delivered is still all there is (a poll that found no change, a bookmark, a watch taken up again). */
  | { readonly _tag: "InTouch" }
  /** The origin cannot be read now, and why, in words that show none of its values. May be repeated: it is said once. */
  | { readonly _tag: "OutOfTouch"; readonly detail: string }

/** What the store waits for until a feed has delivered once, in words for anyone: they name no file and no object. */
export const Awaited = Schema.Literals(["credentials-files", ...kinds.map(({ awaited }) => awaited)])
export type Awaited = typeof Awaited.Type

/**
 * Where objects come from: a credentials file, or a watch of the API server.
 *
 * `events` never fails and retries by itself; it begins with `Synced` as soon as the origin could be read, and is
 * pulled one event at a time, so that a feed never runs ahead of the store. A feed whose stream ends stays as it was.
 */
export interface Feed {
  /** Fixed words for logs, as `credentials file <basename>`: never a secret. */
  readonly name: string
  readonly awaited: Awaited
  /** Whose sources win where two feeds name one repository: the smaller number; see `precedence`. */
  readonly precedence: number
  readonly events: Stream.Stream<FeedEvent>
}

/** Files win over the API server. */
export const precedence = { file: 0, watch: 1 } as const

export const synced = (objects: ReadonlyArray<unknown>): FeedEvent => ({ _tag: "Synced", objects })
export const upsert = (object: unknown): FeedEvent => ({ _tag: "Upsert", object })
export const remove = (object: unknown): FeedEvent => ({ _tag: "Delete", object })
export const inTouch: FeedEvent = { _tag: "InTouch" }
export const outOfTouch = (detail: string): FeedEvent => ({ _tag: "OutOfTouch", detail })
