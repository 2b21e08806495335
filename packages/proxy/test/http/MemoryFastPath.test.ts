import { assert, describe, it } from "@effect/vitest"
import * as AccessMetrics from "@registry-packages-proxy/access-control/Metrics"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, Exit, Metric, Option, Tracer } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { bytes, start, withPlatform } from "./ProxyHarness.ts"
import { startSecure, tokens } from "./SecureHarness.ts"

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

const inMemory = DigestCache.layerMemory({ cap: 1024 * 1024 })

/** Makes a tracer, and a list of the spans that have ended, in order of their end. */
const recordSpans = () => {
  const ended: Array<Tracer.Span & { readonly exit: Exit.Exit<unknown, unknown> }> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      return Object.assign(span, {
        end: (_time: bigint, exit: Exit.Exit<unknown, unknown>) => {
          ended.push(Object.assign(span, { exit }))
        }
      })
    }
  })
  return { ended, tracer }
}

describe("small packages in memory", () => {
  it.effect("get the same headers as from the application", () =>
    withPlatform(
      Effect.gen(function* () {
        for (const kind of ["gzip", "zstd"]) {
          const image = RegistryImage.ofPackage(bytes(20_000), {
            mediaType: `application/vnd.oci.image.layer.v1.tar+${kind}`
          })
          const proxy = yield* start({ images: [image] })
          yield* proxy.package(image.digest)
          const atOnce = yield* proxy.package(image.digest)
          // A conditional request does not take the fast path, so the application answers it.
          const later = yield* proxy.package(image.digest, { headers: { "if-none-match": '"another"' } })
          assert.strictEqual(atOnce.headers["cache-status"], "registry-packages-proxy; hit")
          assert.deepStrictEqual(
            [{ ...atOnce.headers, date: "" }, atOnce.status, atOnce.body],
            [{ ...later.headers, date: "" }, later.status, later.body]
          )
        }
      })
    )
  )

  it.effect("have a span that continues the caller's trace", () => {
    const { ended, tracer } = recordSpans()
    return withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(1000))
        const proxy = yield* start({ images: [image] })
        yield* proxy.package(image.digest)
        for (const headers of [{}, { "if-none-match": '"another"' }]) {
          // A request's span may end after its response.
          yield* settle
          ended.length = 0
          yield* proxy.package(image.digest, { headers: { ...headers, traceparent } })
          yield* settle
          const [span] = ended.filter(({ kind }) => kind === "server")
          assert.isDefined(span)
          assert.strictEqual(span.name, "GET /package")
          assert.strictEqual(span.traceId, traceparent.split("-")[1])
          assert.strictEqual(
            Option.getOrUndefined(Option.map(span.parent, ({ spanId }) => spanId)),
            traceparent.split("-")[2]
          )
          assert.strictEqual(span.attributes.get("http.response.status_code"), 200)
          assert.isTrue(Exit.isSuccess(span.exit))
        }
      })
    ).pipe(Effect.provideService(Tracer.Tracer, tracer))
  })

  it.effect("are served without review to callers with a cached decision, until it expires", () =>
    Effect.gen(function* () {
      const { package: path, request, reviews } = yield* startSecure({ cache: inMemory })
      const asking = { token: tokens.packages }
      assert.strictEqual(
        (yield* request(path, asking)).headers["cache-status"],
        "registry-packages-proxy; fwd=miss; stored"
      )
      for (const [own, status] of [
        [asking, 200],
        [{ token: tokens.none }, 403],
        [{ token: "another" }, 401],
        [{}, 401]
      ] as const) {
        assert.strictEqual((yield* request(path, own)).status, status)
      }
      reviews.state.tokens.delete(tokens.packages)
      yield* TestClock.adjust("119 seconds")
      assert.strictEqual((yield* request(path, asking)).status, 200)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* request(path, asking)).status, 401)
    }).pipe(Effect.scoped)
  )

  it.effect("and other packages require one decision per request", () =>
    Effect.gen(function* () {
      const decided = Effect.all([
        Metric.value(AccessMetrics.authentications("accepted", "memory")),
        Metric.value(AccessMetrics.authorizations("allowed", "memory"))
      ]).pipe(Effect.map((counters) => counters.map(({ count }) => count)))
      // By default, `startSecure` stores no packages, so the second program has none in memory.
      for (const cache of [{ cache: inMemory }, {}]) {
        const { package: path, request } = yield* startSecure(cache)
        yield* request(path, { token: tokens.packages })
        const before = yield* decided
        yield* request(path, { token: tokens.packages })
        assert.deepStrictEqual(
          yield* decided,
          before.map((count) => count + 1)
        )
      }
    }).pipe(Effect.scoped)
  )
})
