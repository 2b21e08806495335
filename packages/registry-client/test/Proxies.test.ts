import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import * as Certificates from "@registry-packages-proxy/testkit/Certificates"
import { TestRegistry } from "@registry-packages-proxy/testkit/TestRegistry"
import { Effect, Layer, Result } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"
import * as NodeUpstream from "../src/NodeUpstream.ts"
import { RegistryClient } from "../src/RegistryClient.ts"
import { reason } from "./Reasons.ts"

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

const setUp = Effect.gen(function* () {
  const tls = yield* (yield* Certificates.makeAuthority).issue()
  const registry = yield* TestRegistry.make({
    tls,
    auth: { _tag: "Bearer", username: "user", password: "s3cret" }
  })
  const image = yield* registry.putPackage(name, new Uint8Array([1, 2, 3]))
  return { registry, digest: image.digest }
})

const resolveThrough = Effect.fnUntraced(function* (options: NodeUpstream.NodeUpstreamOptions) {
  const { digest, registry } = yield* setUp
  const resolve = RegistryClient.use((client) =>
    client.resolve({ source: registry.source(), name }, digest, Platform.make("linux/amd64"))
  )
  return yield* Effect.result(
    Effect.provide(resolve, RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer(options))))
  )
})

describe("HTTPS_PROXY", () => {
  it.effect(
    "is asked for a tunnel with its credentials, for registry and token service",
    Effect.fn(function* () {
      const { environment, heads } = yield* proxy("tunnel")
      assert.isTrue(Result.isSuccess(yield* resolveThrough({ environment })))
      assert.isAtLeast(heads.length, 1)
      for (const head of heads) {
        assert.match(head, /^CONNECT 127\.0\.0\.1:\d+ HTTP\/1\.1\r\n/)
        assert.include(head, `proxy-authorization: Basic ${btoa("proxyuser:proxypass")}`)
      }
    })
  )

  it.live(
    "is told of when it opens no tunnel, its credentials not",
    Effect.fn(function* () {
      const { environment } = yield* proxy("refuse")
      const result = yield* resolveThrough({ environment })
      assert.deepInclude(reason(result), { _tag: "ConnectionFailed", kind: "other" })
      assert.include(reason(result)["detail"], "proxy")
      assert.notMatch(JSON.stringify(result), /proxyuser|proxypass/)
    })
  )

  it.live(
    "is given up when it does not answer in time",
    Effect.fn(function* () {
      const { environment } = yield* proxy("silence")
      const result = yield* resolveThrough({ environment, connectTimeoutMillis: 20 })
      assert.deepInclude(reason(result), { _tag: "TimedOut", phase: "connect" })
    })
  )

  it.effect(
    "is named where it is not a URL",
    Effect.fn(function* () {
      const result = yield* resolveThrough({ environment: { HTTPS_PROXY: "http://proxypass@:::" } })
      assert.include(reason(result)["detail"], "HTTPS_PROXY")
      assert.notInclude(JSON.stringify(result), "proxypass")
    })
  )
})
