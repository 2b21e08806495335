import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as ForwardProxy from "@registry-packages-proxy/testkit/wire/ForwardProxy"
import { TestBuffers } from "@registry-packages-proxy/testkit/registry-client/TestBuffers"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect, Layer, Option, Result } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeUpstream from "../src/NodeUpstream.ts"
import { RegistryClient } from "../src/RegistryClient.ts"
import * as FakeUpstream from "./FakeUpstream.ts"
import { reason } from "./FailureReason.ts"

const name = RepositoryName.make("some/packages")
const platform = Platform.make("linux/amd64")
const hosts = ["registry.example.test", "auth.example.test", "store.example.test"] as const
const [registryHost, authHost, storeHost] = hosts
const content = RegistryBlob.randomBytes(5, 1_500_000)
const image = RegistryImage.ofPackage(content)
const layer = Option.getOrThrow(Option.fromUndefinedOr(image.layer))
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

/** Makes a handler that responds as the registry, its token service or its blob store, depending on the Host field. */
const respondToAll =
  (
    scheme: string,
    blob: RawServer.RawResponse = RawServer.withContentLength(200, latin1(content))
  ): RawServer.RawHandler =>
  ({ headers, target }) => {
    const host = headers["host"]
    if (host === authHost) return RawServer.withContentLength(200, '{"token":"t0ken"}')
    if (host === storeHost) return blob
    if (headers["authorization"] !== "Bearer t0ken") {
      return RawServer.withContentLength(401, "", {
        "WWW-Authenticate": `Bearer realm="${scheme}://${authHost}/token",service="x"`
      })
    }
    return target.includes("/manifests/")
      ? RawServer.withContentLength(200, latin1(image.bytes), { "Content-Type": image.mediaType })
      : RawServer.withContentLength(307, "", { Location: `${scheme}://${storeHost}/blob?signature=a'b` })
  }

interface Situation {
  readonly secure: boolean
  readonly variables: (proxy: string) => Readonly<Record<string, string>>
  readonly proxy?: Omit<ForwardProxy.ForwardProxyOptions, "target">
  readonly blob?: RawServer.RawResponse
}

/** Makes a server and a proxy, and pulls a package through the proxy into buffers that the test provides. */
const pull = Effect.fnUntraced(function* ({ blob, proxy: proxyOptions, secure, variables }: Situation) {
  const scheme = secure ? "https" : "http"
  const tls = yield* (yield* Certificates.makeAuthority).issue({ subjectAltNames: hosts })
  const server = yield* RawServer.make(respondToAll(scheme, blob), secure ? { tls } : {})
  const proxy = yield* ForwardProxy.make({ ...proxyOptions, target: server.host })
  const upstream = NodeUpstream.layer({ env: variables(proxy.host) })
  const source = FakeUpstream.source({
    scheme,
    host: FakeUpstream.host(registryHost),
    ca: secure ? tls.ca : undefined
  })
  const buffers = new TestBuffers(64 * 1024)
  const result = yield* RegistryClient.use((client) =>
    Effect.gen(function* () {
      const found = yield* client.resolve({ source, name }, image.digest, platform)
      return Buffer.from(yield* buffers.collect(client.blob({ source, name }, found, 0, buffers)))
    })
  ).pipe(Effect.provide(RegistryClient.layer.pipe(Layer.provide(upstream))), Effect.result)
  return { result, proxy, server, buffers }
})

/** Runs an effect, and advances virtual time by one second in each turn of the event loop. */
const whileTimePasses = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    effect,
    Effect.forever(
      Effect.andThen(
        Effect.promise(() => new Promise(setImmediate)),
        TestClock.adjust("1 second")
      )
    )
  )

const temporaryFile = Effect.fnUntraced(function* (text: string) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "registry-packages-proxy-proxies-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const path = join(directory, "file")
  writeFileSync(path, text)
  return path
})

const login = { username: "proxyuser", password: "proxypass" }
const withLogin = (host: string) => `http://proxyuser:proxypass@${host}`

describe("the proxy in HTTPS_PROXY", () => {
  it.effect(
    "opens tunnels, with its credentials, to the registry, its token service and its blob store",
    Effect.fn(function* () {
      const { proxy, result, server } = yield* pull({
        secure: true,
        variables: (host) => ({ HTTPS_PROXY: withLogin(host) }),
        proxy: { credentials: login }
      })
      assert.isTrue(Result.getOrThrow(result).equals(content))
      assert.deepStrictEqual(
        new Set(proxy.requests.map(({ method, target }) => `${method} ${target}`)),
        new Set(hosts.map((host) => `CONNECT ${host}:443`))
      )
      assert.isTrue(proxy.requests.every(({ isAuthorized }) => isAuthorized))
      for (const { headers } of server.requests) assert.notProperty(headers, "proxy-authorization")
      assert.include(
        server.requests.map(({ target }) => target),
        "/blob?signature=a'b"
      )
    })
  )

  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${content.length}\r\n\r\n`
  const text = latin1(content)
  const pieces = text.match(/[^]{1,200000}/g) ?? []
  for (const [how, blob] of [
    ["its head and its bytes in one segment", { pieces: [head + text] }],
    ["its head alone, then its bytes", { pieces: [head, text] }],
    ["its head with some bytes, then the others", { pieces: [head + text.slice(0, 1000), text.slice(1000)] }],
    ["its bytes in many segments", { pieces: [head, ...pieces] }],
    [
      "chunks",
      {
        pieces: [
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
          ...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`),
          "0\r\n\r\n"
        ]
      }
    ],
    ["bytes until its end", { pieces: ["HTTP/1.1 200 OK\r\n\r\n", text], ending: "end" }]
  ] as const) {
    for (const secureProxy of [false, true]) {
      it.effect(
        `reads a blob into lent buffers over ${secureProxy ? "https" : "http"}, when the server sends ${how}`,
        Effect.fn(function* () {
          const tls = secureProxy ? yield* (yield* Certificates.makeAuthority).issue() : undefined
          const anchors = yield* temporaryFile(tls?.ca ?? "")
          const { buffers, result } = yield* pull({
            secure: true,
            // The machine trusts the CA of the proxy. The registry has a CA of its own.
            variables: (host) => ({
              HTTPS_PROXY: secureProxy ? `https://${host}` : host,
              SSL_CERT_FILE: anchors
            }),
            ...(tls === undefined ? {} : { proxy: { tls } }),
            blob
          })
          assert.isTrue(Result.getOrThrow(result).equals(content))
          assert.isAtLeast(buffers.collectedChunks, content.length / (64 * 1024))
        })
      )
    }
  }

  it.effect(
    "is blamed if it refuses a tunnel, without its credentials",
    Effect.fn(function* () {
      const { result, server } = yield* pull({
        secure: true,
        variables: (host) => ({ HTTPS_PROXY: withLogin(host) }),
        proxy: { credentials: { username: "other", password: "other" } }
      })
      assert.deepInclude(reason(result), { _tag: "ConnectionFailed", kind: "proxy" })
      assert.include(reason(result)["detail"], "the proxy in HTTPS_PROXY refused the user and password")
      assert.notMatch(JSON.stringify(result), /proxyuser|proxypass/)
      assert.strictEqual(server.acceptedConnections(), 0)
    })
  )

  it.effect(
    "is blamed if it does not respond before the connect timeout, in each attempt",
    Effect.fn(function* () {
      const { result } = yield* whileTimePasses(
        pull({
          secure: true,
          variables: (host) => ({ HTTPS_PROXY: host }),
          proxy: { connectResponse: { _tag: "Silence" } }
        })
      )
      assert.deepInclude(reason(result), { _tag: "TimedOut", phase: "proxy" })
    })
  )

  it.effect(
    "that cannot be used is reported by the name of the variable, without the value",
    Effect.fn(function* () {
      const { result } = yield* pull({
        secure: true,
        variables: () => ({ HTTPS_PROXY: "http://proxypass@:::" })
      })
      assert.include(reason(result)["detail"], "HTTPS_PROXY")
      assert.notInclude(JSON.stringify(result), "proxypass")
    })
  )
})

describe("the proxy in HTTP_PROXY", () => {
  it.effect(
    "receives, with its credentials, all requests: for manifests, tokens, blobs and redirects",
    Effect.fn(function* () {
      const { proxy, result, server } = yield* pull({
        secure: false,
        variables: (host) => ({ http_proxy: withLogin(host) }),
        proxy: { credentials: login }
      })
      assert.isTrue(Result.getOrThrow(result).equals(content))
      assert.isTrue(proxy.requests.every(({ isAuthorized }) => isAuthorized))
      // All requests came through the proxy.
      assert.strictEqual(proxy.requests.length, server.requests.length)
      for (const start of [
        `http://${registryHost}/v2/${name}/manifests/`,
        `http://${registryHost}/v2/${name}/blobs/${layer.digest}`,
        `http://${authHost}/token?`,
        `http://${storeHost}/blob?signature=a'b`
      ]) {
        assert.isTrue(
          proxy.requests.some(({ target }) => target.startsWith(start)),
          start
        )
      }
      for (const { headers } of server.requests) assert.notProperty(headers, "proxy-authorization")
    })
  )

  it.effect(
    "is blamed if it refuses its credentials, without showing them",
    Effect.fn(function* () {
      const { result, server } = yield* pull({
        secure: false,
        variables: (host) => ({ HTTP_PROXY: `http://proxyuser:wrong@${host}` }),
        proxy: { credentials: login }
      })
      assert.deepInclude(reason(result), { _tag: "ConnectionFailed", kind: "proxy" })
      assert.include(reason(result)["detail"], "HTTP_PROXY")
      assert.notMatch(JSON.stringify(result), /proxyuser|wrong/)
      assert.strictEqual(server.acceptedConnections(), 0)
    })
  )

  it.effect(
    "is not used for hosts in NO_PROXY",
    Effect.fn(function* () {
      for (const NO_PROXY of ["other.test,example.test", ".example.test", "*"]) {
        const { proxy, result } = yield* whileTimePasses(
          pull({ secure: false, variables: (host) => ({ HTTP_PROXY: host, NO_PROXY }) })
        )
        // A direct connection fails, because DNS does not have the name.
        assert.isTrue(Result.isFailure(result))
        assert.lengthOf(proxy.requests, 0)
      }
    })
  )
})
