import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import * as Certificates from "@registry-packages-proxy/testkit/Certificates"
import { Lender } from "@registry-packages-proxy/testkit/Lending"
import { TestRegistry } from "@registry-packages-proxy/testkit/TestRegistry"
import { Effect, Layer, Result } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"
import * as NodeUpstream from "../src/NodeUpstream.ts"
import { RegistryClient } from "../src/RegistryClient.ts"
import { reason } from "./Reasons.ts"

const http = process.getBuiltinModule("node:http")

const name = RepositoryName.make("some/packages")

/** A proxy that tunnels, refuses, or says nothing; `heads` are the requests it got. */
const proxy = (behaviour: "tunnel" | "refuse" | "silence") =>
  Effect.gen(function* () {
    const heads: Array<string> = []
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.once("data", (head: Buffer) => {
        heads.push(head.toString("latin1"))
        const [, host = "", port = ""] = /^CONNECT (.+):(\d+) /.exec(heads.at(-1) ?? "") ?? []
        if (behaviour === "refuse") socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        if (behaviour !== "tunnel") return
        const upstream = connect(Number(port), host, () => {
          socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
          socket.pipe(upstream).pipe(socket)
        })
        upstream.on("error", () => socket.destroy())
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { heads, environment: { HTTPS_PROXY: `http://proxyuser:proxypass@127.0.0.1:${port}` } }
  })

const proxyAuthorization = `Basic ${btoa("proxyuser:proxypass")}`

/** A proxy that passes plain HTTP on where it is given its credentials; `asked` is what it passed on, or refused. */
const forwarder = Effect.gen(function* () {
  const asked: Array<{ readonly target: string; readonly authorized: boolean }> = []
  const server = http.createServer((request, response) => {
    const { "proxy-authorization": authorization, "proxy-connection": _, ...headers } = request.headers
    const authorized = authorization === proxyAuthorization
    asked.push({ target: request.url ?? "", authorized })
    if (!authorized) return void response.writeHead(407, { "content-length": 0 }).end()
    const passed = http.request(
      request.url ?? "",
      { method: request.method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      }
    )
    passed.on("error", () => response.destroy())
    request.pipe(passed)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { asked, address: `127.0.0.1:${port}` }
})

// The token service is another server than the registry.
const auth = { _tag: "Bearer", username: "user", password: "s3cret", realm: "store" } as const

const content = new Uint8Array([1, 2, 3])

const setUp = Effect.gen(function* () {
  const tls = yield* (yield* Certificates.makeAuthority).issue()
  const registry = yield* TestRegistry.make({ tls, auth })
  const image = yield* registry.putPackage(name, content)
  return { registry, digest: image.digest }
})

const resolveThrough = Effect.fnUntraced(function* (options: NodeUpstream.NodeUpstreamOptions) {
  const { digest, registry } = yield* setUp
  const targets = [registry.origin, registry.storeOrigin].map((origin) => origin.replace("https://", ""))
  const resolve = RegistryClient.use((client) =>
    client.resolve({ source: registry.source(), name }, digest, Platform.make("linux/amd64"))
  )
  const result = yield* Effect.result(
    Effect.provide(resolve, RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer(options))))
  )
  return { result, targets }
})

describe("HTTPS_PROXY", () => {
  it.effect(
    "is asked for a tunnel with its credentials, for registry and token service",
    Effect.fn(function* () {
      const { environment, heads } = yield* proxy("tunnel")
      const { result, targets } = yield* resolveThrough({ environment })
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(
        new Set(heads.map((head) => /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head)?.[1])),
        new Set(targets)
      )
      for (const head of heads) assert.include(head, `proxy-authorization: ${proxyAuthorization}`)
    })
  )

  it.live(
    "is told of when it opens no tunnel, its credentials not",
    Effect.fn(function* () {
      const { environment } = yield* proxy("refuse")
      const { result } = yield* resolveThrough({ environment })
      assert.deepInclude(reason(result), { _tag: "ConnectionFailed", kind: "other" })
      assert.include(reason(result)["detail"], "proxy")
      assert.notMatch(JSON.stringify(result), /proxyuser|proxypass/)
    })
  )

  it.live(
    "is given up when it does not answer in time",
    Effect.fn(function* () {
      const { environment } = yield* proxy("silence")
      const { result } = yield* resolveThrough({ environment, connectTimeoutMillis: 20 })
      assert.deepInclude(reason(result), { _tag: "TimedOut", phase: "connect" })
    })
  )

  it.effect(
    "is named where it is not a URL",
    Effect.fn(function* () {
      const { result } = yield* resolveThrough({ environment: { HTTPS_PROXY: "http://proxypass@:::" } })
      assert.include(reason(result)["detail"], "HTTPS_PROXY")
      assert.notInclude(JSON.stringify(result), "proxypass")
    })
  )
})

describe("HTTP_PROXY", () => {
  const pull = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>>) {
    const registry = yield* TestRegistry.make({ auth, redirect: { _tag: "Store" } })
    const image = yield* registry.putPackage(name, content)
    const result = yield* RegistryClient.use((client) =>
      Effect.gen(function* () {
        const repository = { source: registry.source(), name }
        const layer = yield* client.resolve(repository, image.digest, Platform.make("linux/amd64"))
        const lender = new Lender(64 * 1024)
        return Buffer.from(yield* lender.collect(client.blob(repository, layer, 0, lender)))
      })
    ).pipe(
      Effect.provide(RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer({ environment })))),
      Effect.result
    )
    return { registry, result }
  })

  it.effect(
    "is asked with its credentials for manifests, tokens, blobs and redirects, on whatever host they are",
    Effect.fn(function* () {
      const { address, asked } = yield* forwarder
      const { registry, result } = yield* pull({ http_proxy: `http://proxyuser:proxypass@${address}` })
      assert.isTrue(Result.isSuccess(result) && result.success.equals(content))
      assert.isTrue(asked.every(({ authorized }) => authorized))
      // Nothing came to the registry but by the proxy.
      assert.strictEqual(asked.length, (yield* registry.requests).length)
      for (const part of ["/manifests/", "/blobs/"]) {
        assert.isTrue(
          asked.some(({ target }) => target.startsWith(registry.origin) && target.includes(part)),
          part
        )
      }
      for (const operation of ["token", "store"] as const) {
        assert.isAbove(yield* registry.count(operation), 0, operation)
      }
      assert.isTrue(asked.some(({ target }) => target.startsWith(`${registry.storeOrigin}/token?`)))
    })
  )

  it.effect(
    "that wants other credentials is an answer of its own, which shows none",
    Effect.fn(function* () {
      const { address } = yield* forwarder
      const { registry, result } = yield* pull({ HTTP_PROXY: `http://proxyuser:wrong@${address}` })
      assert.deepInclude(reason(result), { _tag: "UnexpectedStatus", status: 407 })
      assert.notMatch(JSON.stringify(result), /proxyuser|wrong/)
      assert.strictEqual((yield* registry.requests).length, 0)
    })
  )

  it.effect(
    "is not asked for hosts that NO_PROXY names",
    Effect.fn(function* () {
      for (const NO_PROXY of ["other.test,127.0.0.1", "*"]) {
        const { address, asked } = yield* forwarder
        const { result } = yield* pull({ HTTP_PROXY: `http://${address}`, NO_PROXY })
        assert.isTrue(Result.isSuccess(result))
        assert.strictEqual(asked.length, 0)
      }
    })
  )
})
