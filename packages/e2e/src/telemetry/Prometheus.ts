import { Effect, FileSystem, Path, Schema } from "effect"
import { HttpClient } from "effect/http"
import * as Daemon from "../machine/Daemon.ts"
import * as Eventually from "../machine/Eventually.ts"
import * as Ports from "../machine/Ports.ts"

const Alerts = Schema.fromJsonString(
  Schema.Struct({
    data: Schema.Struct({
      alerts: Schema.Array(
        Schema.Struct({ labels: Schema.Record(Schema.String, Schema.String), state: Schema.String })
      )
    })
  })
)
const Rules = Schema.fromJsonString(
  Schema.Struct({
    data: Schema.Struct({
      groups: Schema.Array(
        Schema.Struct({ rules: Schema.Array(Schema.Struct({ name: Schema.String, health: Schema.String })) })
      )
    })
  })
)
const Query = Schema.fromJsonString(
  Schema.Struct({
    data: Schema.Struct({
      result: Schema.Array(
        Schema.Struct({
          metric: Schema.Record(Schema.String, Schema.String),
          value: Schema.Tuple([Schema.Number, Schema.String])
        })
      )
    })
  })
)

/** Returns the configuration of Prometheus as JSON, because JSON is valid YAML. */
const configuration = (options: {
  readonly target: string
  readonly tokenFile: string
  readonly rules: string
}) =>
  JSON.stringify({
    global: { scrape_interval: "250ms", scrape_timeout: "250ms", evaluation_interval: "250ms" },
    rule_files: [options.rules],
    scrape_configs: [
      {
        job_name: "registry-packages-proxy",
        scheme: "https",
        metrics_path: "/metrics",
        authorization: { type: "Bearer", credentials_file: options.tokenFile },
        tls_config: { insecure_skip_verify: true },
        static_configs: [{ targets: [options.target] }]
      }
    ]
  })

/**
 * Starts Debian's Prometheus. It scrapes `target` (`host:port`) over HTTPS with the token, and evaluates the alerting
 * rules. The end of the scope stops Prometheus.
 */
export const start = Effect.fnUntraced(function* (options: {
  readonly target: string
  readonly token: string
  readonly rules: string
}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-prometheus-" })
  const at = (name: string) => path.join(directory, name)
  yield* fs.writeFileString(at("token"), options.token, { mode: 0o600 })
  yield* fs.writeFileString(at("rules.yaml"), options.rules)
  yield* fs.writeFileString(
    at("prometheus.yml"),
    configuration({ target: options.target, tokenFile: at("token"), rules: at("rules.yaml") })
  )
  const port = yield* Ports.free
  const origin = `http://127.0.0.1:${port}`
  const daemon = yield* Daemon.start("prometheus", "prometheus", [
    `--config.file=${at("prometheus.yml")}`,
    `--storage.tsdb.path=${at("data")}`,
    `--web.listen-address=127.0.0.1:${port}`
  ])
  const get = (pathAndQuery: string) =>
    Effect.flatMap(HttpClient.get(`${origin}${pathAndQuery}`), ({ text }) => text)
  const isReady = HttpClient.get(`${origin}/-/ready`).pipe(
    Effect.map(({ status }) => status === 200),
    Effect.orElseSucceed(() => false)
  )
  yield* Effect.raceFirst(Eventually.isTrue("Prometheus", isReady), daemon.exited)
  return {
    /** Returns the labels of each firing alert. */
    firingAlerts: Effect.map(
      Effect.flatMap(get("/api/v1/alerts"), Schema.decodeUnknownEffect(Alerts)),
      ({ data }) => data.alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels)
    ),
    /** Returns the names of the rules that Prometheus could not evaluate. */
    unhealthyRules: Effect.map(
      Effect.flatMap(get("/api/v1/rules"), Schema.decodeUnknownEffect(Rules)),
      ({ data }) =>
        data.groups
          .flatMap(({ rules }) => rules)
          .filter(({ health }) => health === "err")
          .map(({ name }) => name)
    ),
    /** Evaluates a PromQL expression and returns the current value of each series. */
    query: (expression: string) =>
      Effect.map(
        Effect.flatMap(
          get(`/api/v1/query?query=${encodeURIComponent(expression)}`),
          Schema.decodeUnknownEffect(Query)
        ),
        ({ data }) => data.result.map(({ value: [, value] }) => Number(value))
      )
  }
})
