import * as ResourceRule from "@registry-packages-proxy/access-control/ResourceRule"

/** One path of the HTTP API. */
export interface Route {
  /** Compared as it is sent, nothing decoded. */
  readonly path: `/${string}`
  /** The query, as people write it; empty where none is read. */
  readonly query: string
  readonly methods: ReadonlyArray<"GET" | "HEAD">
  /** The right that a caller on the secure port needs. */
  readonly access: ResourceRule.ResourceRule | "anonymous"
  /** Probes are counted, and neither logged nor traced. */
  readonly isProbe: boolean
  /** The answer, in Markdown: its line in docs/http.md. */
  readonly answer: string
}

const get = (subresource: string): ResourceRule.ResourceRule =>
  ResourceRule.make({
    verb: "get",
    group: "apps",
    version: "v1",
    resource: "deployments",
    subresource,
    namespace: "d8-cloud-instance-manager",
    name: "registry-packages-proxy"
  })

const reading = ["GET", "HEAD"] as const

/**
 * Every path there is. A new one needs a handler in `Application.ts`, which the compiler asks for. Access, the 404's text,
 * labels of metrics, names of spans and the tables of docs/http.md and docs/security.md come from here.
 */
export const routes = {
  package: {
    path: "/package",
    query: "?digest=DIGEST[&repository=REPOSITORY][&path=PATH]",
    methods: reading,
    access: get("http"),
    isProbe: false,
    answer: "[a package](#packages)"
  },
  healthz: {
    path: "/healthz",
    query: "",
    methods: reading,
    access: "anonymous",
    isProbe: true,
    answer: "200 `ok` while the process serves"
  },
  readyz: {
    path: "/readyz",
    query: "",
    methods: reading,
    access: "anonymous",
    isProbe: true,
    answer: "200 `ok` once every credentials source was read, else 503 ([reasons](#not-ready))"
  },
  metrics: {
    path: "/metrics",
    query: "",
    methods: reading,
    access: get("prometheus-metrics"),
    isProbe: false,
    answer:
      "Prometheus text format, or OpenMetrics where `Accept` prefers it; the metrics are listed in [configuration.md](configuration.md#metrics)"
  }
} as const satisfies Readonly<Record<string, Route>>

/** The name of a route. */
export type RouteName = keyof typeof routes

/** The name of a route, or of all other paths as one: the only values a label or a log's route may take. */
export type RouteLabel = RouteName | "unknown"

/** All of them. */
export const routeLabels: ReadonlyArray<RouteLabel> = [
  ...(Object.keys(routes) as ReadonlyArray<RouteName>),
  "unknown"
]

const byPath: ReadonlyMap<string, RouteName> = new Map(
  Object.entries(routes).map(([name, { path }]) => [path, name as RouteName])
)

/** The route of a path, which must be written just so. */
export const labelOf = (path: string): RouteLabel => byPath.get(path) ?? "unknown"

/** The route that a label names, if it names one. */
export const routeOf = (label: RouteLabel): Route | undefined =>
  label === "unknown" ? undefined : routes[label]
