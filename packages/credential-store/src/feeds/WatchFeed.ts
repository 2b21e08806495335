import type { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import type { WatchEvent } from "@registry-packages-proxy/kubernetes/WatchEvent"
import { Stream } from "effect"
import { describe, kinds } from "../kinds/Kinds.ts"
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
      case "InTouch":
        return Feed.inTouch
      case "OutOfTouch":
        return Feed.outOfTouch(event.error.reason.detail)
    }
  }

/**
 * An optional kind that the API server has never known holds nobody up: a cluster without the CRD has none of its objects.
 * It stays out of touch, so that what is not known is no 404: the CRD may come.
 */
const withoutKind =
  (kind: ObjectKind, toFeed: (event: WatchEvent<unknown>) => Feed.FeedEvent) =>
  (hasHeard: boolean, event: WatchEvent<unknown>): readonly [boolean, ReadonlyArray<Feed.FeedEvent>] => {
    const isAbsent = event._tag === "OutOfTouch" && event.error.reason._tag === "NotFound"
    return kind.isOptional && isAbsent && !hasHeard
      ? [true, [Feed.synced([]), toFeed(event)]]
      : [hasHeard || event._tag === "Synced", [toFeed(event)]]
  }

/** A kind whose word in `/readyz` is one of the fixed ones. */
type FollowedKind = ObjectKind & { readonly awaited: Feed.Awaited }

const feed = (api: KubernetesApi["Service"], kind: FollowedKind): Feed.Feed => {
  const { awaited, name } = kind
  return {
    name: `${name === undefined ? `${kind.kind}s` : describe(kind)} of the API server`,
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
 * The objects of an API server, followed as they change: of all kinds unless told. Needs the rights of `Kinds.rights`; see
 * `packages/deploy/rbac.yaml`.
 */
export const feeds = (
  api: KubernetesApi["Service"],
  followed: ReadonlyArray<FollowedKind> = kinds
): ReadonlyArray<Feed.Feed> => followed.map((kind) => feed(api, kind))
