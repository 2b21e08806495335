/** The declaration of a metric in the code. `id` is the metric's name. */
export interface DeclaredMetric {
  readonly id: string
  /** The metric's type in Effect: `Counter`, `Gauge` or `Histogram`. */
  readonly type: string
  readonly description: string | undefined
}

/**
 * The options of the panel that shows a metric. If an option is absent, its default depends on the metric's name and
 * type.
 */
interface View {
  /** Labels by which the panel groups the metric's series. Without labels, the panel aggregates all series. */
  readonly by?: ReadonlyArray<string>
  /** The panel's PromQL expression. By default, the expression depends on the metric's type. */
  readonly expr?: string
  readonly unit?: string
  /** The panel's title. The default is the metric's name in words. */
  readonly title?: string
  /** The PromQL operator that aggregates all series of a gauge. Default: `max`. */
  readonly aggregation?: "max" | "min"
}

interface Row {
  readonly title: string
  readonly metrics: Readonly<Record<string, View>>
}

const prefix = "registry_packages_proxy"

/** The dashboard's rows. The last row also shows all metrics that no row lists. */
const rows: ReadonlyArray<Row> = [
  {
    title: "Is it well",
    metrics: {
      [`${prefix}_ready`]: { by: ["node"], aggregation: "min" },
      [`${prefix}_requests_total`]: { by: ["handler", "code"], unit: "reqps" },
      [`${prefix}_request_first_byte_seconds`]: { by: ["cache"] },
      [`${prefix}_response_bytes_total`]: { by: ["cache"] },
      [`${prefix}_request_seconds`]: { by: ["handler"] },
      [`${prefix}_stalled_connections_total`]: {},
      [`${prefix}_refused_connections_total`]: { by: ["reason"] },
      // `node` is not shown. In a cluster, this label has the name of the Kubernetes node, not the version of Node.js.
      [`${prefix}_build_info`]: { by: ["version", "instance"], title: "Version" }
    }
  },
  {
    title: "Cache",
    metrics: {
      [`${prefix}_cache_results_total`]: { by: ["result"] },
      [`${prefix}_cache_size`]: { by: ["instance"], unit: "bytes" },
      [`${prefix}_cache_entries`]: { by: ["instance"] },
      [`${prefix}_cache_evictions_total`]: { by: ["reason"] },
      [`${prefix}_cache_fills`]: { by: ["instance"] },
      [`${prefix}_cache_fill_seconds`]: {},
      [`${prefix}_cache_fill_failures_total`]: {},
      [`${prefix}_cache_degraded`]: { by: ["instance"] }
    }
  },
  {
    title: "Registries",
    metrics: {
      [`${prefix}_upstream_requests_total`]: { by: ["operation", "code"], unit: "reqps" },
      [`${prefix}_upstream_errors_total`]: { by: ["reason"] },
      [`${prefix}_upstream_retries_total`]: { by: ["kind"] },
      [`${prefix}_upstream_bytes_total`]: {},
      [`${prefix}_upstream_request_seconds`]: { by: ["operation"] }
    }
  },
  {
    title: "Credentials and the API server",
    metrics: {
      [`${prefix}_sources_known`]: { by: ["instance"] },
      [`${prefix}_credentials_errors`]: { by: ["instance"] },
      [`${prefix}_credentials_feeds_out_of_touch`]: { by: ["instance"] },
      [`${prefix}_credentials_last_sync_timestamp_seconds`]: {
        title: "Time since credentials were read",
        expr: `time() - min by (instance) (${prefix}_credentials_last_sync_timestamp_seconds{job=~"$job"} > 0)`
      },
      [`${prefix}_watch_events_total`]: { by: ["resource"] },
      [`${prefix}_watch_restarts_total`]: { by: ["resource", "reason"] },
      [`${prefix}_watch_last_event_timestamp_seconds`]: {
        title: "Time since the watch brought something",
        expr: `time() - min by (resource) (${prefix}_watch_last_event_timestamp_seconds{job=~"$job"} > 0)`
      },
      [`${prefix}_watch_malformed_lines_total`]: { by: ["resource"] },
      [`${prefix}_watch_undecodable_objects_total`]: { by: ["resource"] }
    }
  },
  {
    title: "Callers",
    metrics: {
      [`${prefix}_authentications_total`]: { by: ["result", "from"] },
      [`${prefix}_authorizations_total`]: { by: ["result", "from"] },
      [`${prefix}_access_review_seconds`]: { by: ["review", "outcome"] },
      [`${prefix}_access_reviews_in_progress`]: { by: ["instance"] },
      [`${prefix}_access_reviews_queued`]: { by: ["instance"] },
      [`${prefix}_access_reviews_dropped_total`]: { by: ["reason"] },
      [`${prefix}_access_callers_waiting`]: { by: ["instance"] },
      [`${prefix}_tls_handshake_failures_total`]: {},
      [`${prefix}_tls_certificate_broken`]: { by: ["instance", "certificate"] },
      [`${prefix}_tls_certificate_expiry_timestamp_seconds`]: {
        title: "Time until certificates end",
        expr: `min by (instance, certificate) (${prefix}_tls_certificate_expiry_timestamp_seconds{job=~"$job"}) - time()`
      }
    }
  },
  {
    title: "Process",
    metrics: {
      process_resident_memory_bytes: { by: ["instance"], title: "Resident memory" },
      [`${prefix}_memory_limit_bytes`]: { by: ["instance"] },
      nodejs_heap_size_used_bytes: { by: ["instance"], title: "Heap in use" },
      process_cpu_seconds_total: { by: ["instance"], unit: "percentunit", title: "Processors in use" },
      nodejs_eventloop_utilization_ratio: { by: ["instance"], title: "Event loop's utilization" },
      process_open_fds: { by: ["instance"], title: "Open file descriptors" },
      process_max_fds: { by: ["instance"], title: "Most file descriptors" },
      process_start_time_seconds: {
        title: "Time since the start",
        expr: `time() - min by (instance) (process_start_time_seconds{job=~"$job"})`
      },
      [`${prefix}_telemetry_lost_total`]: { by: ["signal"] }
    }
  }
]

/** Returns the Grafana unit of a metric. The unit depends on the suffix of the metric's name and on its type. */
const unitOf = ({ id, type }: DeclaredMetric): string => {
  const name = id.replace(/_total$/, "")
  if (name.endsWith("_seconds")) return "s"
  if (name.endsWith("_bytes")) return type === "Counter" ? "Bps" : "bytes"
  if (name.endsWith("_ratio")) return "percentunit"
  return type === "Counter" ? "cps" : "short"
}

const selector = `{job=~"$job"}`

const by = (labels: ReadonlyArray<string>): string =>
  labels.length === 0 ? "" : ` by (${labels.join(", ")})`

interface Target {
  readonly expr: string
  readonly legend: string
}

const legendOf = (labels: ReadonlyArray<string>): string => labels.map((label) => `{{${label}}}`).join(" ")

const targetsOf = (
  { id, type }: DeclaredMetric,
  { aggregation = "max", by: labels = [], expr }: View
): ReadonlyArray<Target> => {
  if (expr !== undefined) return [{ expr, legend: "" }]
  switch (type) {
    case "Counter":
      return [
        { expr: `sum${by(labels)} (rate(${id}${selector}[$__rate_interval]))`, legend: legendOf(labels) }
      ]
    case "Histogram":
      return [0.5, 0.95, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, sum${by([...labels, "le"])} (rate(${id}_bucket${selector}[$__rate_interval])))`,
        legend: `p${quantile * 100} ${legendOf(labels)}`.trim()
      }))
    default:
      return [{ expr: `${aggregation}${by(labels)} (${id}${selector})`, legend: legendOf(labels) }]
  }
}

const datasource = { type: "prometheus", uid: "$datasource" }

/** Returns a metric's name in words. Omits the unit, because the panel's axis shows it. */
const titleOf = (id: string): string => {
  const words = id
    .replace(new RegExp(`^${prefix}_`), "")
    .replace(/_total$/, "")
    .replace(/_(?:timestamp_)?(?:seconds|bytes|ratio)$/, "")
    .replaceAll("_", " ")
    .replace(/^tls\b/, "TLS")
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
}

const panel = (metric: DeclaredMetric, view: View, place: number, y: number) => ({
  type: "timeseries",
  title: view.title ?? titleOf(metric.id),
  description: metric.description ?? "",
  datasource,
  gridPos: { h: 7, w: 8, x: (place % 3) * 8, y: y + Math.floor(place / 3) * 7 },
  fieldConfig: {
    defaults: {
      unit: view.unit ?? unitOf(metric),
      min: 0,
      // A counter with labels has no series before its first event.
      noValue: "Nothing yet",
      custom: { drawStyle: "line", lineWidth: 1, fillOpacity: 10, showPoints: "never" }
    },
    overrides: []
  },
  options: {
    legend: { displayMode: "list", placement: "bottom", showLegend: true },
    tooltip: { mode: "multi", sort: "desc" }
  },
  targets: targetsOf(metric, view).map(({ expr, legend }, index) => ({
    datasource,
    expr,
    legendFormat: legend === "" ? "__auto" : legend,
    refId: String.fromCharCode(65 + index),
    exemplar: metric.type === "Histogram"
  }))
})

const variable = {
  datasource: {
    name: "datasource",
    label: "Data source",
    type: "datasource",
    query: "prometheus",
    hide: 0
  },
  job: {
    name: "job",
    label: "Job",
    type: "query",
    datasource,
    query: { query: `label_values(${prefix}_build_info, job)`, refId: "job" },
    definition: `label_values(${prefix}_build_info, job)`,
    refresh: 2,
    includeAll: true,
    multi: true,
    current: { text: "All", value: "$__all" },
    hide: 0
  }
}

/**
 * Returns a Grafana dashboard as a JSON value, with one panel for each metric. Throws if `rows` names a metric that is
 * not in `metrics`.
 */
export const grafanaDashboard = (metrics: ReadonlyArray<DeclaredMetric>): unknown => {
  const byId = new Map(metrics.map((metric) => [metric.id, metric]))
  const placed = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))
  const absent = [...placed].filter((id) => !byId.has(id))
  if (absent.length > 0)
    throw new Error(`the dashboard names metrics that the code does not have: ${absent.join(", ")}`)
  const others = Object.fromEntries(
    [...byId.keys()].filter((id) => !placed.has(id)).map((id): [string, View] => [id, { by: ["instance"] }])
  )
  let y = 0
  const panels = rows.flatMap((row, index) => {
    const views = Object.entries(index === rows.length - 1 ? { ...row.metrics, ...others } : row.metrics)
    const head = {
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y },
      panels: []
    }
    const shown = views.flatMap(([id, view], place) => {
      const metric = byId.get(id)
      return metric === undefined ? [] : [panel(metric, view, place, y + 1)]
    })
    y += 1 + Math.ceil(shown.length / 3) * 7
    return [head, ...shown]
  })
  return {
    title: "registry-packages-proxy",
    uid: "registry-packages-proxy",
    tags: ["registry-packages-proxy"],
    schemaVersion: 42,
    editable: true,
    graphTooltip: 1,
    time: { from: "now-6h", to: "now" },
    refresh: "1m",
    timezone: "browser",
    templating: { list: [variable.datasource, variable.job] },
    annotations: { list: [] },
    links: [],
    panels: panels.map((panel, index) => ({ id: index + 1, ...panel }))
  }
}
