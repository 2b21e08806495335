import type { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import type { WatchEvent } from "@registry-packages-proxy/kubernetes/WatchEvent"
import { Schema, Stream } from "effect"
import * as Feed from "./Feed.ts"
import * as ModuleSource from "../kinds/ModuleSource.ts"
import * as RegistrySecret from "../kinds/RegistrySecret.ts"

// Objects are the store's to decode: a broken one then keeps its last good state, and its error its name.
const moduleSources: Resource.Resource<unknown> = {
  group: "deckhouse.io",
  version: "v1alpha1",
  kind: ModuleSource.kind,
  plural: "modulesources",
  schema: Schema.Unknown
}

const secrets: Resource.Resource<unknown> = {
  group: "",
  version: "v1",
  kind: RegistrySecret.kind,
  plural: "secrets",
  namespace: RegistrySecret.namespace,
  schema: Schema.Unknown
}

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
 * A kind that the API server has never known holds nobody up: a cluster without the CRD has none of its objects. It stays
 * out of touch, so that what is not known is no 404: the CRD may come.
 */
const withoutKind =
  (toFeed: (event: WatchEvent<unknown>) => Feed.FeedEvent) =>
  (hasHeard: boolean, event: WatchEvent<unknown>): readonly [boolean, ReadonlyArray<Feed.FeedEvent>] => {
    const isAbsent = event._tag === "OutOfTouch" && event.error.reason._tag === "NotFound"
    return isAbsent && !hasHeard
      ? [true, [Feed.synced([]), toFeed(event)]]
      : [hasHeard || event._tag === "Synced", [toFeed(event)]]
  }

const feed = (
  api: KubernetesApi["Service"],
  resource: Resource.Resource<unknown>,
  options: { readonly feedName: string; readonly awaited: Feed.Awaited; readonly name?: string }
): Feed.Feed => ({
  name: options.feedName,
  awaited: options.awaited,
  precedence: Feed.precedence.watch,
  events: Stream.mapAccum(
    api.listWatch(resource, options.name === undefined ? {} : { name: options.name }),
    () => false,
    withoutKind(feedEvent(resource))
  )
})

/**
 * The ModuleSources and the Secret `d8-system/deckhouse-registry` of an API server, followed as they change. Needs
 * `list` and `watch` on the former, `get` and `watch` on the latter by its name; see `packages/deploy/rbac.yaml`.
 */
export const feeds = (api: KubernetesApi["Service"]): ReadonlyArray<Feed.Feed> => [
  feed(api, moduleSources, { feedName: "ModuleSources of the API server", awaited: "module-sources" }),
  feed(api, secrets, {
    feedName: `Secret ${RegistrySecret.namespace}/${RegistrySecret.name} of the API server`,
    awaited: "registry-secret",
    name: RegistrySecret.name
  })
]
