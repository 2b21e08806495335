import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { TestBuffers } from "@registry-packages-proxy/testkit/registry-client/TestBuffers"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect, Exit, Fiber, Latch, Layer, Option, Scope, Stream, Tracer } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { networkInterfaces } from "node:os"
import * as NodeUpstream from "../src/NodeUpstream.ts"
import { RegistryClient } from "../src/RegistryClient.ts"
import { reason } from "./FailureReason.ts"

const name = RepositoryName.make("some/packages")
const platform = Platform.make("linux/amd64")
const bytes = RegistryBlob.randomBytes(3, 3_000_000)
const account = { username: "user", password: "s3cret" }

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1")
)

const live = (options?: NodeUpstream.NodeUpstreamOptions) =>
  RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer(options)))

const setUp = Effect.fnUntraced(function* (options: TestRegistryOptions = {}) {
  const registry = yield* TestRegistry.make(options)
  const image = yield* registry.putPackage(name, bytes)
  const { digest: layerDigest, size } = Option.getOrThrow(Option.fromUndefinedOr(image.layer))
  return { registry, digest: image.digest, layer: { layerDigest, size } }
})

const pull = (
  source: RegistrySource,
  digest: Parameters<RegistryClient["Service"]["resolve"]>[1],
  buffers = new TestBuffers(100_000)
) =>
  Effect.gen(function* () {
    const client = yield* RegistryClient
    const layer = yield* client.resolve({ source, name }, digest, platform)
    return yield* buffers.collect(client.blob({ source, name }, layer, 0, buffers))
  })

describe("pulls over real connections", () => {
  it.effect(
    "use one connection for all requests, the first 401 included",
    Effect.fn(function* () {
      const { registry, digest } = yield* setUp({ auth: { _tag: "Bearer", ...account } })
      yield* Effect.gen(function* () {
        for (let round = 0; round < 3; round++) {
          assert.deepStrictEqual(yield* pull(registry.source(), digest), bytes)
        }
      }).pipe(Effect.provide(live()))
      const { connections, requests } = yield* registry.activity
      assert.strictEqual(connections.accepted, 1)
      assert.deepStrictEqual(
        requests.map(({ operation }) => operation),
        ["manifest", "token", "manifest", "blob", "manifest", "blob", "manifest", "blob"]
      )
    })
  )

  it.effect(
    "read bodies into a few lent buffers, with and without a Content-Length",
    Effect.fn(function* () {
      const { registry, digest } = yield* setUp()
      yield* Effect.gen(function* () {
        // At most 512 KiB are read ahead, plus the last read of 256 KiB. The consumer may hold the same amount.
        const maxBuffers = (2 * (512 + 256)) / 64
        const buffers = new TestBuffers(64 * 1024)
        assert.deepStrictEqual(yield* pull(registry.source(), digest, buffers), bytes)
        assert.isAtLeast(buffers.collectedChunks, bytes.length / (64 * 1024))
        assert.isAtMost(buffers.allocatedBuffers, maxBuffers)
        yield* registry.injectFaults("blob", { _tag: "NoLength" })
        const chunked = new TestBuffers(64 * 1024)
        assert.deepStrictEqual(yield* pull(registry.source(), digest, chunked), bytes)
        assert.isAtLeast(chunked.collectedChunks, bytes.length / (64 * 1024))
        assert.isAtMost(chunked.allocatedBuffers, maxBuffers)
        assert.deepStrictEqual(yield* pull(registry.source(), digest, buffers), bytes)
      }).pipe(Effect.provide(live()))
      assert.strictEqual((yield* registry.activity).connections.accepted, 1)
    })
  )

  it.effect(
    "close a pool that is idle for a minute, and all pools with the layer",
    Effect.fn(function* () {
      const { registry, digest } = yield* setUp()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(live(), scope)
      yield* Effect.provideContext(pull(registry.source(), digest), context)
      assert.strictEqual((yield* registry.activity).connections.open, 1)
      yield* TestClock.adjust("61 seconds")
      yield* registry.await(({ connections }) => connections.open === 0)
      yield* Effect.provideContext(pull(registry.source(), digest), context)
      yield* Scope.close(scope, Exit.void)
      yield* registry.await(({ connections }) => connections.open === 0 && connections.accepted === 2)
    })
  )

  it.effect(
    "close the connection of a stream that is not read to its end",
    Effect.fn(function* () {
      const { registry, layer } = yield* setUp()
      const until = yield* Latch.make()
      yield* registry.injectFaults("blob", { _tag: "Stall", after: 100_000, until })
      yield* Effect.gen(function* () {
        const blob = (yield* RegistryClient).blob({ source: registry.source(), name }, layer, 0)
        assert.isTrue(Option.isSome(yield* Stream.runHead(blob)))
        yield* registry.await(({ connections }) => connections.open === 0)
      }).pipe(Effect.provide(live()))
    })
  )

  for (const ending of ["close", "reset"] as const) {
    it.effect(
      `resume after a ${ending} in the body, and follow the redirect again`,
      Effect.fn(function* () {
        const { registry, digest } = yield* setUp({ redirect: { _tag: "Store", singleUse: true } })
        yield* registry.injectFaults("store", { _tag: "Truncate", after: 1_000_000, ending }, { times: 2 })
        const fiber = yield* Effect.forkChild(Effect.provide(pull(registry.source(), digest), live()))
        assert.deepStrictEqual(yield* Fiber.join(fiber), bytes)
        assert.strictEqual(yield* registry.requestCount("blob"), 3)
        assert.strictEqual(yield* registry.requestCount("store"), 3)
      })
    )
  }

  it.effect(
    "resume after 30 seconds of silence in a body",
    Effect.fn(function* () {
      const { layer, registry } = yield* setUp()
      const until = yield* Latch.make()
      const waiting = yield* Latch.make()
      yield* registry.injectFaults("blob", { _tag: "Stall", after: 1_000_000, until })
      const got: Array<Uint8Array> = []
      let length = 0
      const read = RegistryClient.use((client) =>
        Stream.runForEach(client.blob({ source: registry.source(), name }, layer, 0), (chunk) => {
          got.push(chunk)
          length += chunk.length
          return length === 1_000_000 ? waiting.open : Effect.void
        })
      )
      const fiber = yield* Effect.forkChild(Effect.provide(read, live()))
      yield* waiting.await
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(new Uint8Array(Buffer.concat(got)), bytes)
      assert.strictEqual(yield* registry.requestCount("blob"), 2)
    })
  )

  it.effect(
    "trust the CA of a registry for this registry only",
    Effect.fn(function* () {
      const tls = yield* (yield* Certificates.makeAuthority).issue()
      const other = yield* Certificates.makeAuthority
      const { registry, digest } = yield* setUp({ tls })
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* pull(registry.source(), digest), bytes)
        const bundle = `# two authorities\n${other.cert}\n${tls.ca}\n`
        assert.deepStrictEqual(yield* pull(registry.source("", { ca: bundle }), digest), bytes)
        const untrusted = yield* Effect.result(pull(registry.source("", { ca: undefined }), digest))
        assert.deepInclude(reason(untrusted), { _tag: "ConnectionFailed", kind: "certificate" })
        assert.include(reason(untrusted)["detail"], "not trusted")
        const broken = yield* Effect.result(pull(registry.source("", { ca: "no PEM" }), digest))
        assert.include(reason(broken)["detail"], "PEM")
      }).pipe(Effect.provide(live()))
    })
  )

  it.effect(
    "say that a certificate has expired or is for another name",
    Effect.fn(function* () {
      const authority = yield* Certificates.makeAuthority
      for (const [tls, words] of [
        [yield* authority.issueExpired, "expired"],
        [yield* authority.issueForOtherHost, "another name"]
      ] as const) {
        const { registry, digest } = yield* setUp({ tls })
        const result = yield* Effect.result(Effect.provide(pull(registry.source(), digest), live()))
        assert.deepInclude(reason(result), { _tag: "ConnectionFailed", kind: "certificate" })
        assert.include(reason(result)["detail"], words)
      }
    })
  )

  for (const secure of [false, true]) {
    it.effect.skipIf(!hasIPv6)(
      `work over IPv6${secure ? " with TLS" : ""}, token service and redirects included`,
      Effect.fn(function* () {
        const tls = secure ? { tls: yield* (yield* Certificates.makeAuthority).issue() } : {}
        const { registry, digest } = yield* setUp({
          host: "[::1]",
          auth: { _tag: "Bearer", ...account, realmListener: "store" },
          redirect: { _tag: "Store" },
          ...tls
        })
        assert.match(registry.host, /^\[::1\]:\d+$/)
        assert.deepStrictEqual(yield* Effect.provide(pull(registry.source(), digest), live()), bytes)
      })
    )
  }

  it.effect(
    "say that a port does not speak TLS",
    Effect.fn(function* () {
      const { registry, digest } = yield* setUp()
      const result = yield* Effect.result(
        Effect.provide(pull(registry.source("", { scheme: "https" }), digest), live())
      )
      assert.include(reason(result)["detail"], "plain HTTP")
    })
  )

  it.live(
    "tell a connect timeout from slow headers",
    Effect.fn(function* () {
      const silent = yield* RawServer.make(() => undefined)
      const host = RegistryHost.make(silent.host)
      const { registry, digest } = yield* setUp()
      const result = yield* Effect.result(
        Effect.provide(
          pull(registry.source("", { scheme: "https", host }), digest),
          live({ connectTimeout: "20 millis" })
        )
      )
      assert.deepInclude(reason(result), { _tag: "TimedOut", phase: "connect" })
    })
  )

  it.effect(
    "go through HTTP_PROXY, except to loopback",
    Effect.fn(function* () {
      const { registry, digest } = yield* setUp()
      const port = registry.host.slice(registry.host.indexOf(":") + 1)
      // The registry is also the proxy. A request for an absolute URL in its log shows that the proxy was used.
      const env = { HTTP_PROXY: `http://127.0.0.1:${port}` }
      const source = registry.source("", { host: RegistryHost.make("registry.invalid") })
      yield* Effect.result(Effect.provide(pull(source, digest), live({ env })))
      const [asked] = yield* registry.requests
      assert.include(asked?.path, "http://registry.invalid")
      const direct = live({ env: { HTTP_PROXY: "http://127.0.0.1:1" } })
      assert.deepStrictEqual(yield* Effect.provide(pull(registry.source(), digest), direct), bytes)
    })
  )

  it.effect(
    "keep headers, tokens and signatures out of spans",
    Effect.fn(function* () {
      const { registry, digest } = yield* setUp({
        auth: { _tag: "Bearer", ...account },
        redirect: { _tag: "Store" }
      })
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* pull(registry.source(), digest).pipe(Effect.provide(live()), Effect.withTracer(tracer))
      const seen = JSON.stringify(spans.map((span) => [span.name, ...span.attributes]))
      assert.include(seen, "registry.resolve")
      assert.include(seen, "registry.pull")
      assert.include(seen, "registry.token")
      assert.notMatch(seen, /s3cret|czNjcmV0|token-\d|header|signature=[0-9a-f]/)
    })
  )
})
