import { assert, layer } from "@effect/vitest"
import * as Alerts from "@registry-packages-proxy/deploy/Alerts"
import * as AlertTests from "@registry-packages-proxy/deploy/AlertTests"
import { Effect, FileSystem, Path } from "effect"
import { HttpClient } from "effect/http"
import { serviceAccountToken, grant, prepareAccess } from "../src/fixtures/AccessFixture.ts"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as Command from "../src/run/Command.ts"
import * as CollectedOutput from "../src/run/CollectedOutput.ts"
import * as CredentialsFile from "../src/program/CredentialsFile.ts"
import { passwordForms, KubernetesFixture } from "../src/fixtures/KubernetesFixture.ts"
import * as KubeCluster from "../src/servers/KubeCluster.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as BreakingForwarder from "../src/registries/BreakingForwarder.ts"
import { registryUser } from "../src/registries/Registry.ts"
import * as SecureClient from "../src/clients/SecureClient.ts"
import * as OtelCollector from "../src/telemetry/OtelCollector.ts"
import * as Prometheus from "../src/telemetry/Prometheus.ts"
import * as Spans from "../src/telemetry/Spans.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const headerSecret = "e2e-collector-secret-51c7"

/** Returns a trace ID that `number` determines, and the traceparent header with which a client sends it. */
const trace = (number: number) => {
  const traceId = number.toString(16).padStart(32, "f")
  return { traceId, headers: { traceparent: `00-${traceId}-${"e".repeat(16)}-01` } }
}

/** Starts registry-packages-proxy with an HTTPS port, and with the OpenTelemetry variables in `env`. */
const startProgram = Effect.fnUntraced(function* (
  name: string,
  credentialsFile: string,
  env: Readonly<Record<string, string>>
) {
  const cluster = yield* KubernetesFixture
  const token = yield* cluster.tokenOf(KubeCluster.programServiceAccount)
  const { kubeconfig } = yield* cluster.programKubeconfig(name, token)
  const proxy = yield* ProxyProcess.start({
    credentialsFile,
    env,
    args: [`--kubeconfig=${kubeconfig}`, "--secure-listen-address=127.0.0.1:0", "--log-level=debug"]
  })
  const [, origin = ""] = yield* proxy.waitForLine(/"listening","url":"(https:\/\/127\.0\.0\.1:\d+)"/)
  return {
    ...proxy,
    token,
    secureOrigin: origin,
    ask: (digest: string, asking: SecureClient.SecureRequestOptions) =>
      SecureClient.send(`${origin}/package?digest=${digest}&repository=&path=`, asking)
  }
})

const authenticated = `  authenticate
    TokenReview
      POST 201
  authorize
    SubjectAccessReview
      POST 201`

layer(KubernetesFixture.layer, layerOptions)("Telemetry", (it) => {
  it.effect("promtool accepts the rules and their tests", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory } = yield* RegistryFixture
      const file = path.join(directory, "rules_test.yaml")
      yield* fs.writeFileString(file, AlertTests.promtoolFile(Alerts.rulesFile))
      yield* Command.run("promtool", ["check", "rules", "--lint=all", Alerts.rulesFile])
      yield* Command.run("promtool", ["test", "rules", file])
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect(
    "a collector receives a trace of each kind of request, without secrets",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { directory, layout, registry } = yield* RegistryFixture
        const { whileDown } = yield* KubernetesFixture
        const hit = yield* prepareAccess
        const large = yield* layout.image({ name: "telemetry-large", size: 40_000_000, seed: 11 })
        const broken = yield* layout.image({ name: "telemetry-broken", size: 20_000_000, seed: 12 })
        for (const image of [large, broken]) yield* registry.push(layout, image, CredentialsFile.clusterPath)
        const forwarder = yield* BreakingForwarder.make(registry.host, 50_000_000)
        const credentialsFile = path.join(directory, "telemetry-credentials.yaml")
        const credentials = { ...registry.credentials, host: forwarder.host }
        yield* CredentialsFile.write(credentialsFile, {
          host: forwarder.host,
          credentials,
          ca: registry.ca
        })

        CollectedOutput.addSecret("the collector's password", headerSecret)
        const collector = yield* OtelCollector.start
        const program = yield* startProgram("telemetry", credentialsFile, {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${headerSecret}`,
          OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
          OTEL_METRICS_EXPORTER: "otlp",
          OTEL_LOGS_EXPORTER: "otlp"
        })
        yield* grant("e2e-telemetry", "packages", { serviceAccount: "telemetry-allowed" })
        const allowed = yield* serviceAccountToken("telemetry-allowed")
        const denied = yield* serviceAccountToken("telemetry-denied")
        const unknown = yield* serviceAccountToken("telemetry-unknown")

        const ask = (number: number, digest: string, token: string) =>
          Effect.map(program.ask(digest, { token, headers: trace(number).headers }), ({ status }) => status)
        assert.strictEqual(yield* ask(1, hit.digest, allowed), 200)
        assert.strictEqual(yield* ask(2, hit.digest, allowed), 200)
        assert.deepStrictEqual(
          yield* Effect.all([ask(3, large.digest, allowed), ask(4, large.digest, allowed)], {
            concurrency: "unbounded"
          }),
          [200, 200]
        )
        assert.strictEqual(yield* ask(5, hit.digest, denied), 403)
        assert.strictEqual(yield* ask(6, broken.digest, allowed), 200)
        assert.isTrue(forwarder.hasAborted())
        assert.strictEqual(yield* whileDown(ask(7, hit.digest, unknown)), 503)
        const metrics = yield* Effect.flatMap(HttpClient.get(`${program.origin}/metrics`), ({ text }) => text)
        assert.strictEqual(yield* program.stop(), 0)
        yield* collector.stop

        const received = yield* collector.receivedData("traces")
        const spans = Spans.parse(received)
        const treeOf = (number: number) => Spans.formatTree(spans, trace(number).traceId)
        const fill = (...pull: ReadonlyArray<string>) => `    cache.fill
      registry.resolve
        GET 200
      registry.pull${pull.join("")}`
        const firstFill = `    cache.fill
      registry.resolve
        GET 401 failed 401
        GET 200
      registry.pull
        GET 200`
        assert.strictEqual(
          treeOf(1),
          `GET /package 200 miss\n${authenticated}\n  cache.open miss\n${firstFill}`
        )
        assert.strictEqual(treeOf(2), `GET /package 200 hit\n  cache.open hit`)
        const [began, joined] = [treeOf(3), treeOf(4)].toSorted((one) =>
          one.includes("cache.fill") ? -1 : 1
        )
        assert.strictEqual(began, `GET /package 200 miss\n  cache.open miss\n${fill("\n        GET 200")}`)
        assert.strictEqual(joined, `GET /package 200 collapsed\n  cache.open collapsed`)
        const collapsed = spans.find(
          (span) =>
            span.name === "cache.open" &&
            Spans.attribute(span, "registry_packages_proxy.package.cache.result") === "collapsed"
        )
        const [link] = collapsed?.links ?? []
        const linked = spans.find(
          ({ spanId, traceId }) => traceId === link?.traceId && spanId === link.spanId
        )
        assert.strictEqual(linked?.name, "cache.fill")
        assert.strictEqual(
          treeOf(5),
          `GET /package 403\n${authenticated.replace("  authorize", "  authorize failed Denied")}`
        )
        assert.strictEqual(
          treeOf(6),
          `GET /package 200 miss\n  cache.open miss\n${fill(" (resume)", "\n        GET 200", "\n        GET 206")}`
        )
        assert.match(
          treeOf(7),
          /^GET \/package 503 failed Unreachable\n  authenticate failed Unreachable\n    TokenReview failed Unreachable\n      POST failed \w+$/
        )
        // A watch is not part of a request, so its spans have separate traces.
        assert.isTrue(spans.some(({ name, parentSpanId }) => name === "watch" && (parentSpanId ?? "") === ""))

        const logs = yield* collector.receivedData("logs")
        const otlpMetrics = yield* collector.receivedData("metrics")
        assert.include(logs, `"traceId":"${trace(5).traceId}"`)
        assert.include(otlpMetrics, '"registry_packages_proxy_request_first_byte_seconds"')
        assert.include(program.lines().join("\n"), `"trace_id":"${trace(1).traceId}"`)
        const everything = [received, logs, otlpMetrics, metrics, ...program.lines()].join("\n")
        const secrets = [registryUser.password, headerSecret, program.token, allowed, denied, unknown]
        for (const secret of secrets.flatMap(passwordForms)) assert.notInclude(everything, secret)

        const file = path.join(directory, "metrics.txt")
        yield* fs.writeFileString(file, metrics)
        assert.strictEqual(yield* Command.run("sh", ["-c", 'promtool check metrics < "$1"', "sh", file]), "")
      }).pipe(Effect.scoped, showLogsOnFailure),
    120_000
  )

  it.effect(
    "Prometheus scrapes the secure port with a token, and an alert fires when the registry is down",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const { credentialsFile, layout, registry } = yield* RegistryFixture
        const image = yield* layout.image({ name: "telemetry-alert", size: 1000, seed: 13 })
        const program = yield* startProgram("telemetry-alert", credentialsFile, {})
        yield* grant("e2e-telemetry-packages", "packages", { serviceAccount: "telemetry-caller" })
        yield* grant("e2e-telemetry-metrics", "metrics", { serviceAccount: "telemetry-prometheus" })
        const token = yield* serviceAccountToken("telemetry-caller")
        // Alerts fire at once instead of after minutes. Apart from that, the rules are unchanged.
        const rules = (yield* fs.readFileString(Alerts.rulesFile)).replaceAll(/^( +for): \w+$/gm, "$1: 0s")
        const prometheus = yield* Prometheus.start({
          target: new URL(program.secureOrigin).host,
          token: yield* serviceAccountToken("telemetry-prometheus"),
          rules
        })
        yield* Eventually.isTrue(
          "a scrape with the token",
          Effect.map(prometheus.query('up{job="registry-packages-proxy"}'), ([up]) => up === 1)
        )
        const fired = Effect.map(prometheus.firingAlerts, (alerts) =>
          alerts.some(
            ({ alertname, code, severity }) =>
              alertname === "RegistryPackagesProxyErrors" && code === "502" && severity === "critical"
          )
        )
        assert.isFalse(yield* fired)
        yield* registry.whileDown(
          Effect.gen(function* () {
            const asking = Effect.forever(
              Effect.andThen(Effect.ignore(program.ask(image.digest, { token })), Effect.sleep("50 millis"))
            )
            yield* Effect.raceFirst(Eventually.isTrue("RegistryPackagesProxyErrors with 502", fired), asking)
          })
        )
        assert.deepStrictEqual(yield* prometheus.unhealthyRules, [])
      }).pipe(Effect.scoped, showLogsOnFailure),
    120_000
  )
})
