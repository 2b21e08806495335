import { assert, describe, it } from "@effect/vitest"
import type { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import * as SecureContexts from "../../src/tls/SecureContexts.ts"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as ForwardProxy from "@registry-packages-proxy/testkit/wire/ForwardProxy"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import { Effect, Fiber, References, Result } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { ask, clientOf, failureOf, type Outcome } from "../Harness.ts"

const name = "server.example.test"
const login = { username: "proxyuser", password: "proxy p%ss" }
const encoded = `${login.username}:${encodeURIComponent(login.password)}`

const secureContexts = SecureContexts.make({})
const trusting = (ca: string) => secureContexts.withoutSystem(PemCertificates.parse(ca).certificates)

/** Makes a server, a proxy, and a client that reaches the server through the proxy. */
const setUp = Effect.fnUntraced(function* (
  options: Omit<ForwardProxy.ForwardProxyOptions, "target"> & {
    readonly secure?: boolean
    readonly address?: (host: string) => string
    readonly hostname?: string
  } = {}
) {
  const { address = (host) => `http://${host}`, hostname = name, secure = true, ...proxyOptions } = options
  const authority = yield* Certificates.makeAuthority
  const tls = yield* authority.issue({ subjectAltNames: [hostname] })
  const server = yield* RawServer.make(
    () => RawServer.withContentLength(200, "from the server"),
    secure ? { tls } : {}
  )
  const proxy = yield* ForwardProxy.make({ ...proxyOptions, target: server.host })
  const value = address(proxy.host)
  const client = yield* clientOf(
    { hostname, port: secure ? 443 : 80 },
    {
      tls: secure ? { context: trusting(tls.ca) } : undefined,
      proxies: Result.getOrThrow(ProxySettings.fromEnvironment({ HTTP_PROXY: value, https_proxy: value })),
      proxySecureContext: () =>
        options.tls === undefined ? secureContexts.withSystem([]) : trusting(options.tls.ca)
    }
  )
  return { client, proxy, server }
})

const statusOf = (outcome: Outcome): number => ("status" in outcome ? outcome.status : 0)

/** Asserts that a failure contains no part of the proxy's credentials. Returns the failure. */
const withoutSecrets = (failure: ConnectionFailure): ConnectionFailure => {
  const shown = `${failure.detail} ${JSON.stringify(failure)} ${failure.stack}`
  for (const secret of [login.username, login.password, encodeURIComponent(login.password)]) {
    assert.notInclude(shown, secret)
  }
  return failure
}

describe("a proxy for an https server", () => {
  it.effect(
    "opens a tunnel by name and port, once for all requests of a connection",
    Effect.fn(function* () {
      const { client, proxy, server } = yield* setUp()
      for (let round = 0; round < 3; round++) assert.strictEqual(statusOf(yield* ask(client)), 200)
      assert.strictEqual(server.acceptedConnections(), 1)
      assert.lengthOf(proxy.requests, 1)
      assert.deepInclude(proxy.requests[0], { method: "CONNECT", target: `${name}:443` })
      assert.deepInclude(proxy.requests[0]?.headers, {
        host: `${name}:443`,
        "user-agent": "registry-packages-proxy"
      })
    })
  )

  it.effect(
    "receives the credentials of its address; the server does not",
    Effect.fn(function* () {
      const { client, proxy, server } = yield* setUp({
        credentials: login,
        address: (host) => `http://${encoded}@${host}`
      })
      assert.strictEqual(statusOf(yield* ask(client)), 200)
      assert.isTrue(proxy.requests[0]?.isAuthorized)
      assert.notProperty(server.requests[0]?.headers, "proxy-authorization")
    })
  )

  it.effect(
    "may be reached over TLS, with TLS inside the tunnel",
    Effect.fn(function* () {
      const tls = yield* (yield* Certificates.makeAuthority).issue()
      const { client, proxy } = yield* setUp({ tls, address: (host) => `https://${host}` })
      assert.strictEqual(statusOf(yield* ask(client)), 200)
      assert.strictEqual(statusOf(yield* ask(client)), 200)
      assert.lengthOf(proxy.requests, 1)
    })
  )

  it.effect(
    "with an untrusted certificate is blamed, and not the server",
    Effect.fn(function* () {
      const { issue } = yield* Certificates.makeAuthority
      const tls = { ...(yield* issue()), ca: (yield* Certificates.makeAuthority).cert }
      const { client } = yield* setUp({ tls, address: (host) => `https://${host}` })
      const failure = failureOf(yield* ask(client))
      assert.deepInclude(failure, { kind: "certificate", proxySetting: "https_proxy" })
      assert.match(failure.detail, /^the proxy in https_proxy cannot be used: .*not trusted/)
    })
  )

  it.effect(
    "receives an IPv6 address in brackets",
    Effect.fn(function* () {
      const { client, proxy } = yield* setUp({ hostname: "fd00::9" })
      assert.strictEqual(statusOf(yield* ask(client)), 200)
      assert.strictEqual(proxy.requests[0]?.target, "[fd00::9]:443")
    })
  )

  for (const [what, head] of [
    ["HTTP/1.0", "HTTP/1.0 200 Connection established\r\n\r\n"],
    ["lines that end in LF alone", "HTTP/1.1 200 OK\nVia: x\n\n"],
    ["a head of 250 KB", `HTTP/1.1 200 OK\r\nX: ${"v".repeat(250_000)}\r\n\r\n`],
    ["a 100 response before it", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
    ["another 2xx", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["a Content-Length, which has no meaning here", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["a folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"]
  ] as const) {
    it.effect(
      `may open the tunnel with ${what}`,
      Effect.fn(function* () {
        const { client } = yield* setUp({ connectResponse: { _tag: "Open", head } })
        assert.strictEqual(statusOf(yield* ask(client)), 200)
      })
    )
  }

  for (const [what, head, words, isRetryable] of [
    ["requires credentials", "HTTP/1.1 407 Auth\r\n\r\n", "requires a user and a password", false],
    ["forbids it", "HTTP/1.1 403 Forbidden\r\n\r\n", "forbids this program to connect to it (403)", false],
    [
      "cannot reach the server",
      "HTTP/1.1 503 Unavailable\r\n\r\n",
      "did not open a tunnel to it (503)",
      true
    ],
    [
      "redirects",
      "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n",
      "did not open a tunnel to it (302)",
      false
    ],
    ["does not speak HTTP", "SSH-2.0-OpenSSH\r\n", "not valid HTTP", false],
    ["sends an endless head", `HTTP/1.1 200 OK\r\nX: ${"v".repeat(300_000)}`, "longer than 256 KiB", false]
  ] as const) {
    it.effect(
      `that ${what} is blamed, with the reason`,
      Effect.fn(function* () {
        const { client, server } = yield* setUp({ connectResponse: { _tag: "Refuse", head } })
        const failure = failureOf(yield* ask(client))
        assert.deepInclude(failure, { proxySetting: "https_proxy", isRetryable })
        assert.include(failure.detail, "the proxy in https_proxy")
        assert.include(failure.detail, words)
        assert.strictEqual(server.acceptedConnections(), 0)
      })
    )
  }

  it.effect(
    "that refuses the credentials of its address is blamed, and the message shows no credentials",
    Effect.fn(function* () {
      const { client } = yield* setUp({
        credentials: { username: "other", password: "other" },
        address: (host) => `http://${encoded}@${host}`
      })
      const failure = withoutSecrets(failureOf(yield* ask(client)))
      assert.include(failure.detail, "refused the user and password of its address (407)")
    })
  )

  it.effect(
    "that closes the connection is blamed",
    Effect.fn(function* () {
      const { client } = yield* setUp({ connectResponse: { _tag: "Close" } })
      const failure = failureOf(yield* ask(client))
      assert.deepInclude(failure, { proxySetting: "https_proxy", isRetryable: true })
      assert.include(failure.detail, "closed")
    })
  )

  it.effect(
    "that does not listen is blamed",
    Effect.fn(function* () {
      const { client } = yield* setUp({ address: () => `http://${encoded}@127.0.0.1:1` })
      const failure = withoutSecrets(failureOf(yield* ask(client)))
      assert.deepInclude(failure, { kind: "refused", proxySetting: "https_proxy", isRetryable: true })
    })
  )

  it.effect(
    "that is silent is blamed after the connect timeout",
    Effect.fn(function* () {
      const { client, proxy } = yield* setUp({ connectResponse: { _tag: "Silence" } })
      const asked = yield* Effect.forkChild(ask(client))
      yield* Effect.repeat(
        Effect.promise(() => new Promise(setImmediate)),
        {
          until: () => proxy.requests.length === 1
        }
      )
      yield* TestClock.adjust("5 seconds")
      const failure = failureOf(yield* Fiber.join(asked))
      assert.deepInclude(failure, { kind: "timeout", proxySetting: "https_proxy" })
    })
  )

  for (const ending of ["end", "reset"] as const) {
    it.effect(
      `whose tunnel breaks in the middle of a body (${ending}) breaks the body at once`,
      Effect.fn(function* () {
        const tls = yield* (yield* Certificates.makeAuthority).issue({ subjectAltNames: [name] })
        const broken = RawServer.rawResponse("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", ending)
        const server = yield* RawServer.make(() => broken, { tls })
        const proxy = yield* ForwardProxy.make({ target: server.host })
        const client = yield* clientOf(
          { hostname: name, port: 443 },
          {
            tls: { context: trusting(tls.ca) },
            proxies: Result.getOrThrow(ProxySettings.fromEnvironment({ HTTPS_PROXY: proxy.host }))
          }
        )
        for (let round = 0; round < 2; round++) {
          const outcome = yield* ask(client)
          assert.deepInclude("broken" in outcome ? outcome.broken : undefined, { kind: "reset" })
        }
        assert.lengthOf(proxy.requests, 2)
      })
    )
  }

  it.effect(
    "is not blamed for the server's certificate",
    Effect.fn(function* () {
      const other = yield* (yield* Certificates.makeAuthority).issueForOtherHost
      const server = yield* RawServer.make(() => undefined, { tls: other })
      const proxy = yield* ForwardProxy.make({ target: server.host })
      const client = yield* clientOf(
        { hostname: name, port: 443 },
        {
          tls: { context: trusting(other.ca) },
          proxies: Result.getOrThrow(ProxySettings.fromEnvironment({ HTTPS_PROXY: proxy.host }))
        }
      )
      const failure = failureOf(yield* ask(client))
      assert.deepInclude(failure, { kind: "certificate" })
      assert.isUndefined(failure.proxySetting)
      assert.include(failure.detail, "another name")
    })
  )
})

describe("a connection", () => {
  it.effect(
    "works however often its fibers yield",
    Effect.fn(function* () {
      for (const operations of [3, 4, 5, 7]) {
        const yielding = Effect.provideService(References.MaxOpsBeforeYield, operations)
        for (const secure of [false, true]) {
          const proxied = yield* setUp({ secure })
          for (let round = 0; round < 3; round++) {
            assert.strictEqual(statusOf(yield* yielding(ask(proxied.client))), 200)
          }
          const tls = yield* (yield* Certificates.makeAuthority).issue()
          const server = yield* RawServer.make(
            () => RawServer.withContentLength(200, "direct"),
            secure ? { tls } : {}
          )
          const direct = yield* clientOf(
            { hostname: "127.0.0.1", port: server.port },
            { tls: secure ? { context: trusting(tls.ca) } : undefined }
          )
          for (let round = 0; round < 3; round++) {
            assert.strictEqual(statusOf(yield* yielding(ask(direct))), 200)
          }
        }
      }
    })
  )

  it.effect(
    "that is refused fails however often its fibers yield",
    Effect.fn(function* () {
      for (const operations of [3, 4, 5, 7]) {
        const yielding = Effect.provideService(References.MaxOpsBeforeYield, operations)
        const other = yield* (yield* Certificates.makeAuthority).issueForOtherHost
        const server = yield* RawServer.make(() => undefined, { tls: other })
        const to = { hostname: "127.0.0.1", port: server.port }
        const untrusted = yield* clientOf(to, { tls: { context: trusting(other.ca) } })
        assert.include(failureOf(yield* yielding(ask(untrusted))).detail, "another name")
        const plain = yield* RawServer.make(() => undefined, {
          onConnection: (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")
        })
        const noTls = yield* clientOf(
          { hostname: "127.0.0.1", port: plain.port },
          { tls: { context: trusting(other.ca) } }
        )
        assert.strictEqual(failureOf(yield* yielding(ask(noTls))).kind, "tls")
        const { client } = yield* setUp({ connectResponse: { _tag: "Close" } })
        assert.strictEqual(failureOf(yield* yielding(ask(client))).proxySetting, "https_proxy")
      }
    })
  )
})

describe("a proxy for an http server", () => {
  it.effect(
    "receives the absolute URL byte for byte, and the server the target",
    Effect.fn(function* () {
      const { client, proxy, server } = yield* setUp({ secure: false })
      const target = "/raw?sig=a'b|%7e"
      assert.strictEqual(statusOf(yield* ask(client, { target, headers: { host: name } })), 200)
      assert.deepInclude(proxy.requests[0], { method: "GET", target: `http://${name}${target}` })
      assert.strictEqual(proxy.requests[0]?.headers.host, name)
      assert.deepInclude(server.requests[0], { target })
    })
  )

  it.effect(
    "receives the credentials of its address; the server does not",
    Effect.fn(function* () {
      const address = (host: string) => `http://${encoded}@${host}`
      const { client, proxy, server } = yield* setUp({ secure: false, credentials: login, address })
      assert.strictEqual(statusOf(yield* ask(client)), 200)
      assert.isTrue(proxy.requests[0]?.isAuthorized)
      assert.notProperty(server.requests[0]?.headers, "proxy-authorization")
    })
  )

  it.effect(
    "may be reached over TLS",
    Effect.fn(function* () {
      const tls = yield* (yield* Certificates.makeAuthority).issue()
      const { client } = yield* setUp({ secure: false, tls, address: (host) => `https://${host}` })
      assert.strictEqual(statusOf(yield* ask(client)), 200)
    })
  )

  it.effect(
    "that requires other credentials is blamed, and the message shows no credentials",
    Effect.fn(function* () {
      const { client, server } = yield* setUp({
        secure: false,
        credentials: { username: "other", password: "other" },
        address: (host) => `http://${encoded}@${host}`
      })
      const failure = withoutSecrets(failureOf(yield* ask(client)))
      assert.deepInclude(failure, { kind: "proxy", proxySetting: "HTTP_PROXY", isRetryable: false })
      assert.include(failure.detail, "refused the user and password of its address (407)")
      assert.strictEqual(server.acceptedConnections(), 0)
    })
  )
})
