import { Schema, type Stream } from "effect"
import { kinds } from "../kinds/Kinds.ts"

/**
 * An event of a feed. Its Kubernetes objects are not decoded yet. The store decodes each object separately, so that an
 * invalid object affects only itself.
 */
export type FeedEvent =
  /**
   * All objects that the file or API server has now. If `objects` no longer contains an object, the object was
   * deleted.
   */
  | { readonly _tag: "Synced"; readonly objects: ReadonlyArray<unknown> }
  /** An object was added or changed. */
  | { readonly _tag: "Upsert"; readonly object: unknown }
  /** An object was deleted. Only its `apiVersion`, `kind` and `metadata` are read. */
  | { readonly _tag: "Delete"; readonly object: unknown }
  /**
   * The delivered objects are still current, because a poll found no change, or the watch received a bookmark or was
   * resumed.
   */
  | { readonly _tag: "UpToDate" }
  /**
   * The file or API server cannot be read now. The delivered objects may be stale, but stay in use. `detail` is the
   * reason, and contains no value of an object. The store logs equal events in a row only once.
   */
  | { readonly _tag: "Stale"; readonly detail: string }

/**
 * If a feed has not delivered its objects yet, the response of `/readyz` contains one of these words. The words contain
 * no name of a file or object, because any client may request `/readyz`.
 */
export const AwaitedObjects = Schema.Literals(["credentials-files", ...kinds.map(({ awaited }) => awaited)])
export type AwaitedObjects = typeof AwaitedObjects.Type

/**
 * An origin of objects, either a credentials file or a watch of the API server.
 *
 * The stream `events` never fails, because the feed itself retries. The stream emits `Synced` as soon as the file or
 * API server can be read. It emits no `Upsert` or `Delete` before `Synced`. It is backpressured, since the store pulls
 * events only as fast as it applies them. When the stream ends, the objects of the feed stay in use.
 */
export interface Feed {
  /** The name for logs, such as `credentials file <basename>`. It contains no secret. */
  readonly name: string
  readonly awaited: AwaitedObjects
  /**
   * If objects of two feeds name the same repository, the feed with the smaller number takes precedence. See the
   * constant `precedence`.
   */
  readonly precedence: number
  readonly events: Stream.Stream<FeedEvent>
}

/** The values of `Feed.precedence`. The smaller number wins, so that files take precedence over the API server. */
export const precedence = { file: 0, watch: 1 } as const

export const synced = (objects: ReadonlyArray<unknown>): FeedEvent => ({ _tag: "Synced", objects })
export const upsert = (object: unknown): FeedEvent => ({ _tag: "Upsert", object })
export const remove = (object: unknown): FeedEvent => ({ _tag: "Delete", object })
export const upToDate: FeedEvent = { _tag: "UpToDate" }
export const stale = (detail: string): FeedEvent => ({ _tag: "Stale", detail })
