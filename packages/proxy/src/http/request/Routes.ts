import * as ResourceRule from "@registry-packages-proxy/access-control/ResourceRule"

/** A path of the HTTP API and the rules for its requests. */
export interface Route {
  /** The exact path. It is compared with the path that the client sent, without decoding. */
  readonly path: `/${string}`
  /**
   * The query as the documentation shows it, such as `?digest=DIGEST[&path=PATH]`. Empty for a route without
   * parameters.
   */
  readonly query: string
  readonly methods: ReadonlyArray<"GET" | "HEAD">
  /** The permission that a caller on the secure port requires. `anonymous` means that no permission is required. */
  readonly access: ResourceRule.ResourceRule | "anonymous"
  /** True for a probe. Probes are counted, but neither logged nor traced. */
  readonly isProbe: boolean
  /** A description of the response in Markdown, for the table in docs/http.md. */
  readonly documentedResponse: string
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
 * Every route. A new route requires a handler in `Application.ts`. Otherwise the program does not compile. Access
 * rules, the text of the 404 response, metric labels, span names and the tables of docs/http.md and docs/security.md
 * derive from this object.
 */
export const routes = {
  package: {
    path: "/package",
    query: "?digest=DIGEST[&repository=REPOSITORY][&path=PATH]",
    methods: reading,
    access: get("http"),
    isProbe: false,
    documentedResponse: "[a package](#packages)"
  },
  healthz: {
    path: "/healthz",
    query: "",
    methods: reading,
    access: "anonymous",
    isProbe: true,
    documentedResponse: "200 `ok` while the program runs"
  },
  readyz: {
    path: "/readyz",
    query: "",
    methods: reading,
    access: "anonymous",
    isProbe: true,
    documentedResponse:
      "200 `ok` after every source of credentials was read once, else 503 ([reasons](#not-ready))"
  },
  metrics: {
    path: "/metrics",
    query: "",
    methods: reading,
    access: get("prometheus-metrics"),
    isProbe: false,
    documentedResponse:
      "Prometheus text format, or OpenMetrics if `Accept` prefers it; [configuration.md](configuration.md#metrics) lists the metrics"
  }
} as const satisfies Readonly<Record<string, Route>>

/** The name of a route, which is a key of `routes`. */
export type RouteName = keyof typeof routes

/**
 * The name of a route, or `unknown` for a path that matches no route. Metric labels and log lines contain this label
 * instead of the path.
 */
export type RouteLabel = RouteName | "unknown"

/** All values of `RouteLabel`. */
export const routeLabels: ReadonlyArray<RouteLabel> = [
  ...(Object.keys(routes) as ReadonlyArray<RouteName>),
  "unknown"
]

const byPath: ReadonlyMap<string, RouteName> = new Map(
  Object.entries(routes).map(([name, { path }]) => [path, name as RouteName])
)

/** Returns the label of a path. It is `unknown` unless the path is exactly the path of a route. */
export const labelOf = (path: string): RouteLabel => byPath.get(path) ?? "unknown"

/** Returns the route with this label. Undefined for `unknown`. */
export const routeOf = (label: RouteLabel): Route | undefined =>
  label === "unknown" ? undefined : routes[label]
