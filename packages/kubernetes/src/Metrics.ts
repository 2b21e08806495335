import { labelled, forEachValue, anyValue } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"

const prefix = "registry_packages_proxy"

const restarts = Metric.counter(`${prefix}_watch_restarts_total`, {
  description: "Restarts of API server watches, by resource and reason: ended, gone (410), failed.",
  incremental: true
})

const events = Metric.counter(`${prefix}_watch_events_total`, {
  description: "Events received by watches of the API server, including bookmarks, by resource.",
  incremental: true
})

const lastEvent = Metric.gauge(`${prefix}_watch_last_event_timestamp_seconds`, {
  description: "Time of the last event of a watched resource; 0 before the first event.",
  attributes: { unit: "s" }
})

const malformed = Metric.counter(`${prefix}_watch_malformed_lines_total`, {
  description: "Malformed lines received by watches, by resource.",
  incremental: true
})

const undecodable = Metric.counter(`${prefix}_watch_undecodable_objects_total`, {
  description: "Objects from the API server that could not be decoded, by resource.",
  incremental: true
})

const resource = anyValue
const restartReasons = ["ended", "gone", "failed"] as const
const restartsOf = labelled(restarts, { resource, reason: restartReasons })
const eventsOf = labelled(events, { resource })
const lastEventOf = labelled(lastEvent, { resource })
const malformedOf = labelled(malformed, { resource })
const undecodableOf = labelled(undecodable, { resource })

/** Returns the metrics of one resource's watch. `resource` is a label value, so it must come from a small fixed set. */
export const watchMetrics = (resource: string) => ({
  restarts: forEachValue(restartReasons, (reason) => restartsOf({ resource, reason })),
  events: eventsOf({ resource }),
  lastEvent: lastEventOf({ resource }),
  malformed: malformedOf({ resource }),
  undecodable: undecodableOf({ resource })
})

/** The metrics of the watch of one resource. */
export type WatchMetrics = ReturnType<typeof watchMetrics>
