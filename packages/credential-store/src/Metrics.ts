import { Metric } from "effect"

/** The number of repositories that have a source. */
export const sourcesKnown = Metric.gauge("registry_packages_proxy_sources_known", {
  description: "Registry sources known from ModuleSources and the cluster's registry Secret.",
  attributes: { unit: "1" }
})

/**
 * The time at which a feed last emitted an event other than `Stale`, in seconds since the epoch. 0 if there was no such
 * event.
 */
export const lastSync = Metric.gauge("registry_packages_proxy_credentials_last_sync_timestamp_seconds", {
  description:
    "Time at which a credentials feed last delivered or confirmed its objects; 0 before the first time.",
  attributes: { unit: "s" }
})

/**
 * The number of invalid objects, plus the number of duplicates. A duplicate names the same repository as the object
 * that the store uses, and the feeds of both objects have the same `Feed.precedence`.
 */
export const errors = Metric.gauge("registry_packages_proxy_credentials_errors", {
  description: "Credential objects that are invalid or name a repository that another object serves.",
  attributes: { unit: "1" }
})

/** The number of feeds that have not delivered objects yet, or cannot read their file or API server now. */
export const feedsOutOfTouch = Metric.gauge("registry_packages_proxy_credentials_feeds_out_of_touch", {
  description: "Credentials feeds (files, API server watches) whose origin cannot be read now.",
  attributes: { unit: "1" }
})
