import { Metric } from "effect"

/** Registry sources that can be asked for. */
export const sourcesKnown = Metric.gauge("registry_packages_proxy_sources_known", {
  description: "Registry sources known from ModuleSources and the cluster's registry Secret.",
  attributes: { unit: "1" }
})

/** Seconds since the epoch; 0 until a feed delivered. */
export const lastSync = Metric.gauge("registry_packages_proxy_credentials_last_sync_timestamp_seconds", {
  description: "When a credentials feed last delivered, or confirmed that nothing changed; 0 for never.",
  attributes: { unit: "s" }
})

/** Objects that cannot be read, or that are set aside because an older one names the same repository. */
export const errors = Metric.gauge("registry_packages_proxy_credentials_errors", {
  description: "Credential objects that cannot be read or name a repository that an older one serves.",
  attributes: { unit: "1" }
})

/** Feeds that have not delivered yet, or cannot read their origin now. */
export const feedsOutOfTouch = Metric.gauge("registry_packages_proxy_credentials_feeds_out_of_touch", {
  description: "Credentials feeds (files, API server watches) whose origin cannot be read now.",
  attributes: { unit: "1" }
})
