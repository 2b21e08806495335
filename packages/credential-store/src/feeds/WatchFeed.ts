import type { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import type { WatchEvent } from "@registry-packages-proxy/kubernetes/WatchEvent"
import { Stream } from "effect"
import { displayName, kinds } from "../kinds/Kinds.ts"
import type { ObjectKind } from "../kinds/ObjectKind.ts"
import * as Feed from "./Feed.ts"

const feedEvent =
  (resource: Resource.Resource<unknown>) =>
  (event: WatchEvent<unknown>): Feed.FeedEvent => {
    switch (event._tag) {
      case "Synced":
        return Feed.synced(event.objects)
      case "Added":
      case "Modified":
        return Feed.upsert(event.object)
      case "Deleted": {
        const { name, namespace } = event.key
        return Feed.remove({
          apiVersion: Resource.apiVersion(resource),
          kind: resource.kind,
          metadata: { name, ...(namespace === undefined ? {} : { namespace }) }
        })
      }
      case "UpToDate":
        return Feed.upToDate
      case "AttemptFailed":
        return Feed.stale(event.error.reason.detail)
    }
  }

/**
 * Makes the function that converts an event of a watch to events of the feed. If an optional kind does not exist in the
 * API server, and the feed has not emitted `Synced` yet, the function returns two events. The first event is `Synced`
 * without objects, so that registry-packages-proxy becomes ready without the CRD. The second event is `Stale`, because
 * the CRD may be added later. While the feed is stale, a request for an unknown repository gets a 503 instead of a 404.
 */
const withoutKind =
  (kind: ObjectKind, toFeed: (event: WatchEvent<unknown>) => Feed.FeedEvent) =>
  (hasSynced: boolean, event: WatchEvent<unknown>): readonly [boolean, ReadonlyArray<Feed.FeedEvent>] => {
    const isAbsent = event._tag === "AttemptFailed" && event.error.reason._tag === "NotFound"
    return kind.isOptional && isAbsent && !hasSynced
      ? [true, [Feed.synced([]), toFeed(event)]]
      : [hasSynced || event._tag === "Synced", [toFeed(event)]]
  }

/** An `ObjectKind` whose `awaited` has the type that {@link Feed.Feed} requires. */
type WatchedKind = ObjectKind & { readonly awaited: Feed.AwaitedObjects }

const feed = (api: KubernetesApi["Service"], kind: WatchedKind): Feed.Feed => {
  const { awaited, name } = kind
  return {
    name: `${name === undefined ? `${kind.kind}s` : displayName(kind)} of the API server`,
    awaited,
    precedence: Feed.precedence.watch,
    events: Stream.mapAccum(
      api.listWatch(kind, name === undefined ? {} : { name }),
      () => false,
      withoutKind(kind, feedEvent(kind))
    )
  }
}

/**
 * Makes one feed for each kind in `watched`. The feed watches the objects of its kind in the API server. It needs the
 * permissions that `Kinds.requiredRule` returns (see `packages/deploy/rbac.yaml`).
 */
export const feeds = (
  api: KubernetesApi["Service"],
  watched: ReadonlyArray<WatchedKind> = kinds
): ReadonlyArray<Feed.Feed> => watched.map((kind) => feed(api, kind))
