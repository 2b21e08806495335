import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ReviewErrors from "@registry-packages-proxy/access-control/ReviewError"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as PackageDescriptor from "@registry-packages-proxy/domain/PackageDescriptor"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Array, Context, Duration, Effect, Layer, Logger, Metric, Predicate, type Scope } from "effect"
import { HttpServer } from "effect/http"
import type { Server } from "node:http"
import { fromPullError } from "../../src/http/package/ErrorProblems.ts"
import { layerPlain } from "../../src/http/server/Listener.ts"
import { makePlainServer } from "../../src/http/server/NodeServer.ts"
import * as Metrics from "../../src/metrics/Metrics.ts"
import { errorType } from "../../src/telemetry/ErrorType.ts"
import * as InMemoryTraces from "../../src/telemetry/sdk/InMemoryTraces.ts"
import { off } from "../../src/telemetry/TelemetrySettings.ts"
import { failures } from "./Failures.ts"
import { problemOf } from "./ProxyHarness.ts"
import { startSecure, tokens } from "./SecureHarness.ts"

const net = process.getBuiltinModule("node:net")

const image = RegistryImage.ofPackage(new Uint8Array(1000))
const digest = `sha256:${"a".repeat(64)}`
const path = `/package?digest=${digest}`

/** Makes a cache with this `open`. The cache's `peek` always finds a package. */
const layerCache = (open: Effect.Effect<never, unknown>) =>
  Layer.succeed(
    DigestCache,
    DigestCache.of({
      // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off -- the port takes the errors of the source as a type parameter
      open: () => open as Effect.Effect<never>,
      peek: () =>
        Effect.succeed({
          descriptor: PackageDescriptor.make(
            {
              mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
              digest: image.digest,
              size: 1000
            },
            { viaIndex: false }
          ),
          cacheResult: "hit"
        }),
      degraded: Effect.succeed(false)
    })
  )

const startPlain = (open: Effect.Effect<never, unknown>, maxPackages = 4096, server?: Server) =>
  Effect.map(
    Layer.build(
      layerPlain({
        listen: { host: "127.0.0.1", port: 0 },
        platform: Platform.make("linux/amd64"),
        gracePeriod: Duration.zero,
        maxPackages,
        ...(server === undefined ? {} : { server })
      }).pipe(
        Layer.provide([
          layerCache(open),
          RegistryClientMock.layer(),
          CredentialStoreMock.layer({ sources: {} })
        ])
      )
    ),
    (context) => {
      const origin = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
      return {
        port: Number(new URL(origin).port),
        ask: (target: string, request: Parameters<typeof nodeRequest>[1] = {}) =>
          nodeRequest(`${origin}${target}`, request)
      }
    }
  )

interface Answer {
  readonly status: number
  readonly body: Buffer
  /** The logged messages, each with its fields. Only the function `secure` sets this property. */
  readonly said?: ReadonlyArray<ReadonlyArray<unknown>>
}

/** A way to cause an error response, with the expected response, log line and metric labels. */
interface Row {
  readonly what: string
  readonly provoke: Effect.Effect<Answer, unknown, Scope.Scope | NodeServices.NodeServices>
  readonly status: number
  readonly error?: string | undefined
  readonly method?: string
  readonly handler?: string
}

/** The metric labels of a request whose head Node could not parse or did not accept. */
const notRead = { handler: "unknown", method: "other" } as const

const plain = (
  target: string,
  request: Parameters<typeof nodeRequest>[1] = {},
  open: Effect.Effect<never, unknown> = Effect.die(new Error("not reached")),
  packages?: number
) => Effect.flatMap(startPlain(open, packages), ({ ask }) => ask(target, request))

/** Sends bytes that the HTTP server rejects before the application gets a request. Returns the response. */
const unread = (text: string) =>
  Effect.flatMap(
    startPlain(
      Effect.die(new Error("not reached")),
      4096,
      makePlainServer({
        headersTimeout: Duration.millis(40),
        requestTimeout: Duration.millis(80),
        checkInterval: Duration.millis(20)
      })
    ),
    ({ port }) =>
      Effect.callback<Answer>((resume) => {
        const socket = net.connect(port, "127.0.0.1")
        let received = ""
        socket.on("data", (chunk: Buffer) => {
          received += chunk.toString("latin1")
        })
        socket.on("error", () => {})
        socket.once("end", () => socket.destroy())
        socket.once("close", () => {
          const [, status, body = ""] = /^HTTP\/1\.1 (\d+) [^]*?\r\n\r\n([^]*)$/.exec(received) ?? []
          resume(Effect.succeed({ status: Number(status), body: Buffer.from(body) }))
        })
        socket.write(text)
        return Effect.sync(() => socket.destroy())
      })
  )

const secure = (token: string | undefined, failure?: ReviewErrors.ReviewError["reason"]) =>
  Effect.gen(function* () {
    const proxy = yield* startSecure()
    proxy.reviews.state.failure = failure
    const answer = yield* proxy.request(proxy.package, token === undefined ? {} : { token })
    return { status: answer.status, body: Buffer.from(answer.body), said: proxy.said }
  })

const rows: ReadonlyArray<Row> = [
  ...failures.map(([what, failure]) => ({
    what: `${fromPullError(failure).status}: ${what}`,
    provoke: plain(path, {}, Effect.fail(failure)),
    status: fromPullError(failure).status,
    error: errorType(failure)
  })),
  { what: "400: no digest", provoke: plain("/package"), status: 400 },
  { what: "400: a parameter twice", provoke: plain(`${path}&digest=${digest}`), status: 400 },
  { what: "401: nothing presented", provoke: secure(undefined), status: 401, error: "NotAuthenticated" },
  {
    what: "401: a token that is refused",
    provoke: secure("another"),
    status: 401,
    error: "NotAuthenticated"
  },
  { what: "403: no right", provoke: secure(tokens.none), status: 403, error: "Denied" },
  { what: "404: no such path", provoke: plain("/nowhere"), status: 404, handler: "unknown" },
  { what: "405: another method", provoke: plain(path, { method: "DELETE" }), status: 405, method: "DELETE" },
  {
    what: "416: outside the package",
    provoke: plain(path, { headers: { range: "bytes=5000-" } }),
    status: 416
  },
  {
    what: "431: too many fields",
    provoke: plain(path, {
      headers: Object.fromEntries(Array.makeBy(130, (index) => [`x-${index}`, "1"]))
    }),
    status: 431
  },
  {
    what: "500: a bug",
    provoke: plain(path, {}, Effect.die(new Error("a bug"))),
    status: 500,
    error: "defect"
  },
  {
    what: "503: the API server does not answer reviews",
    provoke: secure(tokens.packages, new ReviewErrors.Unreachable({ detail: "down" })),
    status: 503,
    error: "Unreachable"
  },
  {
    what: "503: the API server forbids reviews",
    provoke: secure(tokens.packages, new ReviewErrors.Forbidden({ detail: "403" })),
    status: 503,
    error: "Forbidden"
  },
  {
    what: "503: too many requests",
    provoke: plain(path, {}, undefined, 0),
    status: 503,
    error: "TooManyRequests"
  },
  {
    what: "400: not a request",
    provoke: unread("this is no request\r\n\r\n"),
    status: 400,
    error: "RequestMalformed",
    ...notRead
  },
  {
    what: "405: a tunnel",
    provoke: unread("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"),
    status: 405,
    error: "TunnelRefused",
    ...notRead
  },
  {
    what: "408: a head that does not end",
    provoke: unread("GET /package HTTP/1.1\r\nHost: x\r\nX-A: "),
    status: 408,
    error: "RequestTimedOut",
    ...notRead
  },
  {
    what: "431: a head that is too long",
    provoke: unread(`GET /package HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`),
    status: 431,
    error: "HeadTooLarge",
    ...notRead
  }
]

describe("every error has a problem, a log line, a count and a span status", () => {
  for (const { error, handler = "package", method = "GET", provoke, status, what } of rows) {
    it.effect(what, () => {
      const memory = InMemoryTraces.make(off)
      const lines: Array<Readonly<Record<string, unknown>>> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        const [said, fields] = Array.ensure(message)
        if (said === "request" && Predicate.isReadonlyObject(fields)) lines.push({ logLevel, ...fields })
        else if (logLevel === "Warn" || logLevel === "Error") lines.push({ logLevel, said })
      })
      const note = ([said, fields]: ReadonlyArray<unknown>): void => {
        if (said === "request" && Predicate.isReadonlyObject(fields)) lines.push(fields)
      }
      const counter = Metrics.requests({ handler, method, code: String(status) })
      return Effect.gen(function* () {
        const before = (yield* Metric.value(counter)).count
        const answer = yield* provoke.pipe(
          Effect.scoped,
          Effect.provide([memory.layer, Logger.layer([logger])])
        )
        answer.said?.forEach(note)
        assert.strictEqual(answer.status, status)
        const problem = problemOf(answer)
        assert.strictEqual(problem.status, status)

        assert.strictEqual((yield* Metric.value(counter)).count - before, 1)

        assert.strictEqual(lines.length, 1, JSON.stringify(lines))
        const [line] = lines
        assert.strictEqual(line?.["status"], status)
        assert.strictEqual(line?.["error"], error)
        assert.strictEqual(problem.instance, `urn:uuid:${String(line?.["requestId"])}`)
        const level = error === "defect" ? "Error" : status >= 500 ? "Warn" : "Info"
        if (answer.said === undefined) assert.strictEqual(line?.["logLevel"], level)

        const servers = memory.spans().filter(({ attributes }) => "http.response.status_code" in attributes)
        const name = method === "other" ? "HTTP" : method
        const [span, ...others] = servers.filter((server) => server.name.split(" ")[0] === name)
        assert.strictEqual(others.length, 0)
        assert.strictEqual(span?.attributes["http.response.status_code"], status)
        assert.strictEqual(span?.error !== undefined, status >= 500)
        assert.strictEqual(span?.attributes["error.type"], status >= 500 ? error : undefined)
      }).pipe(Effect.provide(NodeServices.layer))
    })
  }

  it("and the table here has every status of docs/http.md", () => {
    const statuses = new Set(rows.map(({ status }) => status))
    assert.deepStrictEqual(
      [...statuses].toSorted((one, other) => one - other),
      [400, 401, 403, 404, 405, 408, 416, 431, 500, 502, 503, 504]
    )
  })
})
