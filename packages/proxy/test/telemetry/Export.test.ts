import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Metric, Option, Result, Scope } from "effect"
import { ProcessEnvironment } from "../../src/config/ProcessEnvironment.ts"
import * as AccessLog from "../../src/logging/AccessLog.ts"
import * as Logging from "../../src/logging/Logging.ts"
import { telemetryLost } from "../../src/metrics/Metrics.ts"
import * as Telemetry from "../../src/Telemetry.ts"
import * as TelemetrySettings from "../../src/telemetry/TelemetrySettings.ts"
import * as FakeProcessEnvironment from "../config/FakeProcessEnvironment.ts"
import * as TestCollector from "./TestCollector.ts"

const net = process.getBuiltinModule("node:net")

/**
 * Runs `body` with the telemetry that these environment variables configure. Returns the logged messages, and the
 * number of lost spans.
 */
const exporting = <A, E, R>(variables: Readonly<Record<string, string>>, body: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ message }) => void logged.push(message))
    const settings = Result.getOrThrow(TelemetrySettings.parse(variables))
    const lost = Effect.map(Metric.value(telemetryLost("traces")), ({ count }) => count)
    return yield* Effect.gen(function* () {
      const before = yield* lost
      yield* body.pipe(Effect.provide(Telemetry.layer(settings)))
      return { lost: (yield* lost) - before, logged }
    }).pipe(Effect.provide([Logger.layer([logger]), NodeServices.layer]))
  })

const spans = (count: number) =>
  Effect.repeat(Effect.withSpan(Effect.void, "something"), { times: count - 1 })

/** Returns the URL of a port on which nothing listens. */
const closedPort = Effect.callback<string>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(`http://127.0.0.1:${port}`)))
  })
})

describe("a collector", () => {
  it.live("gets the remaining spans when the program ends, with the configured headers", () =>
    Effect.gen(function* () {
      const collector = yield* TestCollector.start()
      const { lost, logged } = yield* exporting(
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret",
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
          OTEL_RESOURCE_ATTRIBUTES: "k8s.node.name=master-0"
        },
        spans(3)
      )
      const [sent, ...more] = collector.exports
      assert.strictEqual(more.length, 0)
      assert.strictEqual(sent?.path, "/v1/traces")
      assert.strictEqual(sent?.headers.authorization, "Bearer s3cret")
      assert.strictEqual(sent?.headers["content-type"], "application/json")
      const text = sent?.body.toString() ?? ""
      assert.strictEqual(text.match(/"name":"something"/g)?.length, 3)
      assert.include(text, '{"key":"service.name","value":{"stringValue":"registry-packages-proxy"}}')
      assert.include(text, '{"key":"k8s.node.name","value":{"stringValue":"master-0"}}')
      assert.notInclude(text, "s3cret")
      assert.deepStrictEqual([lost, logged], [0, []])
    }).pipe(Effect.scoped)
  )

  it.live("gets protobuf by default", () =>
    Effect.gen(function* () {
      const collector = yield* TestCollector.start()
      yield* exporting({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/mine` }, spans(1))
      const [sent] = collector.exports
      assert.strictEqual(sent?.path, "/mine")
      assert.strictEqual(sent?.headers["content-type"], "application/x-protobuf")
      assert.include(sent?.body.toString("latin1"), "something")
    }).pipe(Effect.scoped)
  )

  it.live("gets metrics and log lines if configured, the lines with their trace", () =>
    Effect.gen(function* () {
      const collector = yield* TestCollector.start()
      const settings = Result.getOrThrow(
        TelemetrySettings.parse({
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_METRICS_EXPORTER: "otlp",
          OTEL_LOGS_EXPORTER: "otlp"
        })
      )
      const fake = FakeProcessEnvironment.make()
      const request = { method: "GET", route: "package", status: 200, bytes: 5, seconds: 1, requestId: "r1" }
      yield* Effect.gen(function* () {
        yield* Effect.logWarning("something is wrong", { host: "registry.test", object: { name: undefined } })
        const write = yield* AccessLog.make
        write({ ...request, user: undefined, error: undefined }, undefined)
      }).pipe(
        Effect.withSpan("something"),
        Effect.provide(
          Telemetry.layer(settings).pipe(
            Layer.provideMerge(Logging.layer({ logFormat: Option.none(), logLevel: "Info" })),
            Layer.provideMerge([Layer.succeed(ProcessEnvironment, fake.environment), NodeServices.layer])
          )
        )
      )
      const sent = (path: string) =>
        collector.exports.filter((one) => one.path === path).map(({ body }) => body.toString())
      const [line] = fake.lines()
      const traceId = /"trace_id":"([\da-f]{32})"/.exec(line ?? "")?.[1] ?? "none"
      const [logs = ""] = sent("/v1/logs")
      assert.include(logs, '"body":{"stringValue":"something is wrong"}')
      assert.include(logs, '{"key":"host","value":{"stringValue":"registry.test"}}')
      assert.include(logs, '{"key":"requestId","value":{"stringValue":"r1"}}')
      assert.notInclude(logs, '"value":{}', "a field without a value")
      assert.include(logs, `"traceId":"${traceId}"`)
      assert.include(logs, '"severityText":"warn"')
      assert.include(sent("/v1/metrics").join(), '"name":"registry_packages_proxy_telemetry_lost_total"')
      assert.include(sent("/v1/traces").join(), `"traceId":"${traceId}"`)
    }).pipe(Effect.scoped)
  )

  it.live("that is unreachable loses spans, which are counted and warned of once", () =>
    Effect.gen(function* () {
      const { lost, logged } = yield* exporting(
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: yield* closedPort,
          OTEL_EXPORTER_OTLP_TIMEOUT: "1",
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1"
        },
        spans(3)
      )
      assert.strictEqual(lost, 3)
      assert.deepStrictEqual(logged, [
        [
          "telemetry lost: the collector does not accept it",
          { signal: "traces", reason: "ECONNREFUSED", count: 1 }
        ]
      ])
    }).pipe(Effect.scoped)
  )

  it.live("that refuses loses spans, and its text is not logged", () =>
    Effect.gen(function* () {
      const collector = yield* TestCollector.start((response) => void response.writeHead(401).end("s3cret"))
      const { lost, logged } = yield* exporting({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, spans(2))
      assert.strictEqual(lost, 2)
      assert.deepStrictEqual(logged, [
        [
          "telemetry lost: the collector does not accept it",
          { signal: "traces", reason: "answered 401", count: 2 }
        ]
      ])
    }).pipe(Effect.scoped)
  )

  it.live("that rejects a part of the spans loses that part", () =>
    Effect.gen(function* () {
      const collector = yield* TestCollector.start(
        (response) => void response.writeHead(200).end('{"partialSuccess":{"rejectedSpans":2}}')
      )
      const { lost } = yield* exporting(
        { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
        spans(3)
      )
      assert.strictEqual(lost, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("that never answers delays the program's end by at most 5 seconds", () =>
    Effect.gen(function* () {
      const asked = Deferred.makeUnsafe<void>()
      const collector = yield* TestCollector.start(() => void Deferred.doneUnsafe(asked, Effect.void))
      const scope = yield* Scope.make()
      const before = (yield* Metric.value(telemetryLost("traces"))).count
      const settings = Result.getOrThrow(
        TelemetrySettings.parse({
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_BSP_MAX_QUEUE_SIZE: "10",
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "5"
        })
      )
      const context = yield* Layer.build(Telemetry.layer(settings)).pipe(
        Effect.provide(NodeServices.layer),
        Scope.provide(scope)
      )
      // Of 25 spans, five are being exported, ten are queued, and ten are lost.
      yield* Effect.provideContext(spans(5), context)
      yield* Deferred.await(asked)
      yield* Effect.provideContext(spans(20), context)
      const lost = Effect.map(Metric.value(telemetryLost("traces")), ({ count }) => count - before)
      assert.strictEqual(yield* lost, 10)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.strictEqual(yield* lost, 25)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )
})
