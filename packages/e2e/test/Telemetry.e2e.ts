import { assert, layer } from "@effect/vitest"
import * as Alerts from "@registry-packages-proxy/deploy/Alerts"
import * as AlertTests from "@registry-packages-proxy/deploy/AlertTests"
import { Effect, FileSystem, Path } from "effect"
import { HttpClient } from "effect/http"
import { caller, grant, prepared } from "../src/beds/AccessBed.ts"
import * as Bundle from "../src/program/Bundle.ts"
import * as Command from "../src/run/Command.ts"
import * as CredentialsFile from "../src/program/CredentialsFile.ts"
import { forms, KubeBed } from "../src/beds/KubeBed.ts"
import * as KubeCluster from "../src/servers/KubeCluster.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as Poll from "../src/machine/Poll.ts"
import * as BreakingForwarder from "../src/registries/BreakingForwarder.ts"
import { account } from "../src/registries/Registry.ts"
import * as SecureClient from "../src/clients/SecureClient.ts"
import * as Collector from "../src/telemetry/Collector.ts"
import * as Prometheus from "../src/telemetry/Prometheus.ts"
import * as Spans from "../src/telemetry/Spans.ts"
import { options, TestBed } from "../src/beds/TestBed.ts"

const headerSecret = "e2e-collector-secret-51c7"

/** A trace of a caller's own, by its number. */
const trace = (number: number) => {
  const traceId = number.toString(16).padStart(32, "f")
  return { traceId, headers: { traceparent: `00-${traceId}-${"e".repeat(16)}-01` } }
}

/** The program on its secure port, with these variables of OpenTelemetry's. */
const startProgram = Effect.fnUntraced(function* (
  name: string,
  credentialsFile: string,
  env: Readonly<Record<string, string>>
) {
  const cluster = yield* KubeBed
  const token = yield* cluster.tokenOf(KubeCluster.account)
  const { kubeconfig } = yield* cluster.programKubeconfig(name, token)
  const bundle = yield* Bundle.start({
    credentialsFile,
    env,
    args: [`--kubeconfig=${kubeconfig}`, "--secure-listen-address=127.0.0.1:0", "--log-level=debug"]
  })
  const [, origin = ""] = yield* bundle.line(/"listening","url":"(https:\/\/127\.0\.0\.1:\d+)"/)
  return {
    ...bundle,
    token,
    secureOrigin: origin,
    ask: (digest: string, asking: SecureClient.Asking) =>
      SecureClient.ask(`${origin}/package?digest=${digest}&repository=&path=`, asking)
  }
})

const authenticated = `  authenticate
    TokenReview
      POST 201
  authorize
    SubjectAccessReview
      POST 201`

layer(KubeBed.layer, options)("Telemetry", (it) => {
  it.effect("promtool finds nothing wrong with the rules, each of which fires and stays silent", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory } = yield* TestBed
      const file = path.join(directory, "rules_test.yaml")
      yield* fs.writeFileString(file, AlertTests.promtoolFile(Alerts.file))
      yield* Command.run("promtool", ["check", "rules", "--lint=all", Alerts.file])
      yield* Command.run("promtool", ["test", "rules", file])
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect(
    "a collector receives the trace of each kind of request, and no secret",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { directory, layout, registry } = yield* TestBed
        const { whileDown } = yield* KubeBed
        const hit = yield* prepared
        const large = yield* layout.image({ name: "telemetry-large", size: 40_000_000, seed: 11 })
        const broken = yield* layout.image({ name: "telemetry-broken", size: 20_000_000, seed: 12 })
        for (const image of [large, broken]) yield* registry.push(layout, image, CredentialsFile.clusterPath)
        const forwarder = yield* BreakingForwarder.make(registry.host, 50_000_000)
        const credentialsFile = path.join(directory, "telemetry-credentials.yaml")
        const login = { ...registry.login, host: forwarder.host }
        yield* CredentialsFile.write(credentialsFile, { host: forwarder.host, login, ca: registry.ca })

        const collector = yield* Collector.start
        const program = yield* startProgram("telemetry", credentialsFile, {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${headerSecret}`,
          OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
          OTEL_METRICS_EXPORTER: "otlp",
          OTEL_LOGS_EXPORTER: "otlp"
        })
        yield* grant("e2e-telemetry", "packages", { serviceAccount: "telemetry-allowed" })
        const allowed = yield* caller("telemetry-allowed")
        const denied = yield* caller("telemetry-denied")
        const unknown = yield* caller("telemetry-unknown")

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
        assert.isTrue(forwarder.isBroken())
        assert.strictEqual(yield* whileDown(ask(7, hit.digest, unknown)), 503)
        const metrics = yield* Effect.flatMap(HttpClient.get(`${program.origin}/metrics`), ({ text }) => text)
        assert.strictEqual(yield* program.stop(), 0)
        yield* collector.stop

        const received = yield* collector.received("traces")
        const spans = Spans.parse(received)
        const treeOf = (number: number) => Spans.tree(spans, trace(number).traceId)
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
        // Followed, and in traces of their own.
        assert.isTrue(spans.some(({ name, parentSpanId }) => name === "watch" && (parentSpanId ?? "") === ""))

        const logs = yield* collector.received("logs")
        const otlpMetrics = yield* collector.received("metrics")
        assert.include(logs, `"traceId":"${trace(5).traceId}"`)
        assert.include(otlpMetrics, '"registry_packages_proxy_request_first_byte_seconds"')
        assert.include(program.lines().join("\n"), `"trace_id":"${trace(1).traceId}"`)
        const everything = [received, logs, otlpMetrics, metrics, ...program.lines()].join("\n")
        const secrets = [account.password, headerSecret, program.token, allowed, denied, unknown]
        for (const secret of secrets.flatMap(forms)) assert.notInclude(everything, secret)

        const file = path.join(directory, "metrics.txt")
        yield* fs.writeFileString(file, metrics)
        assert.strictEqual(yield* Command.run("sh", ["-c", 'promtool check metrics < "$1"', "sh", file]), "")
      }).pipe(Effect.scoped, shownOnFailure),
    120_000
  )

  it.effect(
    "Prometheus scrapes the secure port with a token, and an alert fires for a registry that is down",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const { credentialsFile, layout, registry } = yield* TestBed
        const image = yield* layout.image({ name: "telemetry-alert", size: 1000, seed: 13 })
        const program = yield* startProgram("telemetry-alert", credentialsFile, {})
        yield* grant("e2e-telemetry-packages", "packages", { serviceAccount: "telemetry-caller" })
        yield* grant("e2e-telemetry-metrics", "metrics", { serviceAccount: "telemetry-prometheus" })
        const token = yield* caller("telemetry-caller")
        // What waits for minutes does not here; all else is as shipped.
        const rules = (yield* fs.readFileString(Alerts.file)).replaceAll(/^( +for): \w+$/gm, "$1: 0s")
        const prometheus = yield* Prometheus.start({
          target: new URL(program.secureOrigin).host,
          token: yield* caller("telemetry-prometheus"),
          rules
        })
        yield* Poll.untilTrue(
          "a scrape with the token",
          Effect.map(prometheus.query('up{job="registry-packages-proxy"}'), ([up]) => up === 1)
        )
        const fired = Effect.map(prometheus.firing, (alerts) =>
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
            yield* Effect.raceFirst(Poll.untilTrue("RegistryPackagesProxyErrors with 502", fired), asking)
          })
        )
        assert.deepStrictEqual(yield* prometheus.unhealthyRules, [])
      }).pipe(Effect.scoped, shownOnFailure),
    120_000
  )
})
