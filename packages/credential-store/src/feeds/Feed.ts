import { Schema, type Stream } from "effect"
import { kinds } from "../kinds/Kinds.ts"

/**
 * An event of a feed. Objects are Kubernetes objects that are not decoded yet: the store decodes each separately, so
 * that an invalid one affects only itself.
 */
export type FeedEvent =
  /** All objects of the feed's origin. An object that is not among them is deleted. */
  | { readonly _tag: "Synced"; readonly objects: ReadonlyArray<unknown> }
  /** An object was added or changed. */
  | { readonly _tag: "Upsert"; readonly object: unknown }
  /** An object was deleted. Only its kind and metadata are read. */
  | { readonly _tag: "Delete"; readonly object: unknown }
  /** The delivered objects are still current (a poll without change, a bookmark, a resumed watch). */
  | { readonly _tag: "InTouch" }
  /**
   * The origin cannot be read now. `detail` says why, without any of its values. May be repeated; it is logged once.
   */
  | { readonly _tag: "OutOfTouch"; readonly detail: string }

/**
 * The objects that the store waits for until a feed has delivered, in words for any client: they name no file or
 * object.
 */
export const Awaited = Schema.Literals(["credentials-files", ...kinds.map(({ awaited }) => awaited)])
export type Awaited = typeof Awaited.Type

/**
 * A source of objects: a credentials file, or a watch of the API server.
 *
 * `events` never fails and retries by itself. It must begin with `Synced` as soon as the origin can be read. It is
 * backpressured: the store pulls one event at a time. When the stream ends, the objects of the feed stay in use.
 */
export interface Feed {
  /** The name for logs, such as `credentials file <basename>`: never a secret. */
  readonly name: string
  readonly awaited: Awaited
  /** If two feeds name one repository, the one with the smaller number serves it; see `precedence`. */
  readonly precedence: number
  readonly events: Stream.Stream<FeedEvent>
}

/** The precedence of feeds: files take precedence over the API server. */
export const precedence = { file: 0, watch: 1 } as const

export const synced = (objects: ReadonlyArray<unknown>): FeedEvent => ({ _tag: "Synced", objects })
export const upsert = (object: unknown): FeedEvent => ({ _tag: "Upsert", object })
export const remove = (object: unknown): FeedEvent => ({ _tag: "Delete", object })
export const inTouch: FeedEvent = { _tag: "InTouch" }
export const outOfTouch = (detail: string): FeedEvent => ({ _tag: "OutOfTouch", detail })
