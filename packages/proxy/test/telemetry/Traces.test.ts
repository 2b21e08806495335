import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Deferred, Effect, Layer, Logger, type Scope, Tracer } from "effect"
import * as InMemoryTraces from "../../src/telemetry/sdk/InMemoryTraces.ts"
import type { SpanView } from "../../src/telemetry/SpanTree.ts"
import { off } from "../../src/telemetry/TelemetrySettings.ts"
import { bytes, start } from "../http/ProxyHarness.ts"
import * as Registry from "../http/RegistryHarness.ts"
import { startSecure, tokens } from "../http/SecureHarness.ts"
import * as TestSpanTree from "./TestSpanTree.ts"

const server = "registry_packages_proxy.package.cache.result"
const status = "http.response.status_code"
const errorType = "error.type"

/** Runs a scenario, and returns all its spans. */
const traced = <E>(
  scenario: Effect.Effect<unknown, E, Scope.Scope | NodeServices.NodeServices>
): Effect.Effect<ReadonlyArray<SpanView>, E> => {
  const memory = InMemoryTraces.make(off)
  return scenario.pipe(
    Effect.scoped,
    // There are no loggers, since Effect's default logger would add each log line to the span as an event.
    Effect.provide(Layer.provideMerge(Layer.merge(memory.layer, Logger.layer([])), NodeServices.layer)),
    Effect.map(() => memory.spans())
  )
}

/** Wraps the current tracer. The effect `ended` waits until a span with this name has ended. */
const watchSpan = Effect.fnUntraced(function* (name: string) {
  const tracer = yield* Effect.tracer
  const ended = yield* Deferred.make<void>()
  const watched = Tracer.make({
    span: (options) => {
      const span = tracer.span(options)
      if (options.name !== name) return span
      const end = span.end.bind(span)
      span.end = (time, exit) => {
        end(time, exit)
        Deferred.doneUnsafe(ended, Effect.void)
      }
      return span
    }
  })
  return { tracer: watched, ended: Deferred.await(ended) }
})

const attributesOf = (spans: ReadonlyArray<SpanView>, name: string) =>
  spans.find((span) => span.name === name)?.attributes ?? {}

const pull: TestSpanTree.SpanNode = {
  name: "registry.pull",
  children: [{ name: "GET", attributes: { [status]: 200 } }]
}

describe("the trace of a request", () => {
  it.effect(
    "of a miss has the cache, the fill, the manifest, the blob and each request to the registry",
    () =>
      Effect.gen(function* () {
        const spans = yield* traced(
          Effect.gen(function* () {
            const proxy = yield* Registry.start()
            yield* proxy.get()
          })
        )
        assert.deepStrictEqual(TestSpanTree.of(spans, server, status), [
          {
            name: "GET /package",
            attributes: { [status]: 200, [server]: "miss" },
            children: [
              {
                name: "cache.open",
                attributes: { [server]: "miss" },
                children: [
                  {
                    name: "cache.fill",
                    children: [
                      {
                        name: "registry.resolve",
                        children: [{ name: "GET", attributes: { [status]: 200 } }]
                      },
                      pull
                    ]
                  }
                ]
              }
            ]
          }
        ])
        const { "server.port": port, ...attributes } = attributesOf(spans, "GET /package")
        assert.isNumber(port)
        assert.deepStrictEqual(attributes, {
          "http.request.method": "GET",
          "http.route": "/package",
          "url.path": "/package",
          "url.scheme": "http",
          "network.protocol.version": "1.1",
          "server.address": "127.0.0.1",
          "client.address": "127.0.0.1",
          [status]: 200,
          "registry_packages_proxy.package.digest": Registry.image.digest,
          "registry_packages_proxy.package.repository": "",
          [server]: "miss",
          "registry_packages_proxy.package.bytes": Registry.content.length
        })
        const blob = spans.findLast(({ name }) => name === "GET")?.attributes ?? {}
        assert.match(
          String(blob["url.full"]),
          /^http:\/\/127\.0\.0\.1:\d+\/v2\/some\/packages\/blobs\/sha256:/
        )
      })
  )

  it.effect("that starts a fill contains the fill; a trace that joins the fill links to it", () =>
    Effect.gen(function* () {
      const spans = yield* traced(
        Effect.gen(function* () {
          const proxy = yield* Registry.start()
          yield* Effect.all([proxy.get(), proxy.get(), proxy.get()], { concurrency: "unbounded" })
        })
      )
      const opens = spans.filter(({ name }) => name === "cache.open")
      const [fill, ...others] = spans.filter(({ name }) => name === "cache.fill")
      assert.isDefined(fill)
      assert.strictEqual(others.length, 0)
      const joined = opens.filter(({ links }) => links.includes(fill.spanId))
      const [began, ...more] = opens.filter(({ links }) => links.length === 0)
      assert.deepStrictEqual([joined.length, more.length], [2, 0])
      assert.strictEqual(fill.parentId, began?.spanId)
      assert.deepStrictEqual(
        joined.map(({ attributes }) => attributes[server]),
        ["collapsed", "collapsed"]
      )
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 3)
    })
  )

  it.effect("of a hit opens the cache and sends no request", () =>
    Effect.gen(function* () {
      const spans = yield* traced(
        Effect.gen(function* () {
          const fill = yield* watchSpan("cache.fill")
          const proxy = yield* Effect.provideService(Registry.start(), Tracer.Tracer, fill.tracer)
          yield* proxy.get()
          // The response ends when the package is verified. The fill ends later, when the package is committed.
          yield* fill.ended
          yield* proxy.get()
        })
      )
      assert.deepStrictEqual(TestSpanTree.of(spans, server).at(-1), {
        name: "GET /package",
        attributes: { [server]: "hit" },
        children: [{ name: "cache.open", attributes: { [server]: "hit" } }]
      })
    })
  )

  it.effect("of a package from memory is one span, with the same attributes as other spans", () =>
    Effect.gen(function* () {
      const image = RegistryImage.ofPackage(bytes(1000))
      const parent = (flags: string) => ({ traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}` })
      const spans = yield* traced(
        Effect.gen(function* () {
          const proxy = yield* start({ images: [image] })
          yield* proxy.package(image.digest)
          yield* proxy.package(image.digest)
          // A conditional request does not take the fast path.
          yield* proxy.package(image.digest, { headers: { "if-none-match": '"another"' } })
          yield* proxy.package(image.digest, { headers: parent("01") })
          yield* proxy.package(image.digest, { headers: parent("00") })
        })
      )
      const [, atOnce, later, followed, ...others] = spans.filter(({ name }) => name === "GET /package")
      assert.strictEqual(others.length, 0)
      const shown = ({ attributes = {}, error, events = [], links = [] }: Partial<SpanView>) => ({
        attributes: Object.fromEntries(
          Object.entries(attributes).toSorted(([one], [other]) => (one < other ? -1 : 1))
        ),
        error,
        events,
        links
      })
      assert.strictEqual(atOnce?.attributes[server], "memory")
      assert.deepStrictEqual(shown(atOnce ?? {}), shown(later ?? {}))
      assert.strictEqual(spans.filter(({ parentId }) => parentId === atOnce?.spanId).length, 0)
      assert.deepStrictEqual([followed?.traceId, followed?.parentId], ["a".repeat(32), "b".repeat(16)])
    })
  )

  it.live("has an event for each retry and resume, with the offset", () =>
    Effect.gen(function* () {
      const spans = yield* traced(
        Effect.gen(function* () {
          const proxy = yield* Registry.start()
          yield* proxy.registry.injectFaults("blob", { _tag: "Status", status: 503 })
          yield* proxy.registry.injectFaults("blob", { _tag: "Truncate", after: 200_000, ending: "close" })
          yield* proxy.get()
        })
      )
      const [tree] = TestSpanTree.of(
        spans.filter(({ name }) => name === "registry.pull" || name === "GET"),
        "http.request.resend_count",
        status,
        "registry_packages_proxy.registry.bytes"
      ).filter(({ name }) => name === "registry.pull")
      assert.deepStrictEqual(tree, {
        name: "registry.pull",
        attributes: { "registry_packages_proxy.registry.bytes": Registry.content.length },
        events: [
          ["retry", 0],
          ["resume", 200_000]
        ],
        children: [
          { name: "GET", attributes: { [status]: 503 }, failed: true },
          { name: "GET", attributes: { [status]: 200, "http.request.resend_count": 1 } },
          { name: "GET", attributes: { [status]: 206 } }
        ]
      })
    })
  )

  it.effect("of a failure has its error type; the request's status is an error from 500 on", () =>
    Effect.gen(function* () {
      const missing = yield* traced(
        Effect.flatMap(Registry.start(), ({ get }) => get(`sha256:${"0".repeat(64)}`))
      )
      const [notFound] = missing.filter(({ name }) => name === "GET /package")
      assert.deepStrictEqual(
        [notFound?.attributes[status], notFound?.attributes[errorType], notFound?.error],
        [404, undefined, undefined]
      )
      const resolve = missing.find(({ name }) => name === "registry.resolve")
      assert.strictEqual(resolve?.attributes[errorType], "ManifestNotFound")
      assert.isDefined(resolve?.error)
    })
  )

  it.effect("continues the caller's trace, with its sampling decision", () =>
    Effect.gen(function* () {
      const [sampled, unsampled] = ["01", "00"].map(
        (flags) => `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`
      )
      const spans = yield* traced(
        Effect.gen(function* () {
          const proxy = yield* Registry.start()
          yield* proxy.get(undefined, { headers: { traceparent: sampled ?? "", tracestate: "a=b" } })
          yield* proxy.get(undefined, { headers: { traceparent: unsampled ?? "" } })
          yield* proxy.get(undefined, { headers: { traceparent: "nonsense" } })
        })
      )
      const servers = spans.filter(({ name }) => name === "GET /package")
      assert.deepStrictEqual(
        servers.map(({ parentId, traceId }) => [traceId === "a".repeat(32), parentId]),
        [
          [true, "b".repeat(16)],
          [false, undefined]
        ]
      )
    })
  )

  it.effect("has a span for each access review of the caller", () =>
    Effect.gen(function* () {
      const spans = yield* traced(
        Effect.gen(function* () {
          const proxy = yield* startSecure()
          yield* proxy.request(proxy.package, { token: tokens.packages })
          yield* proxy.request(proxy.package, { token: tokens.none })
          yield* proxy.request("/healthz")
        })
      )
      assert.deepStrictEqual(
        TestSpanTree.of(spans, status).map(({ attributes, children = [] }) => [
          attributes?.[status],
          children.map(({ children = [], failed, name }) => [
            name,
            failed ?? false,
            children.map(({ name }) => name)
          ])
        ]),
        [
          [
            200,
            [
              ["authenticate", false, ["TokenReview"]],
              ["authorize", false, ["SubjectAccessReview"]],
              ["cache.open", false, []]
            ]
          ],
          [
            403,
            [
              ["authenticate", false, ["TokenReview"]],
              ["authorize", true, ["SubjectAccessReview"]]
            ]
          ]
        ]
      )
    })
  )
})
