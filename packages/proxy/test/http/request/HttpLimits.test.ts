import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Context, Duration, Effect, Fiber, Latch, Layer } from "effect"
import { readFileSync } from "node:fs"
import type { Duplex } from "node:stream"
import { type HttpLimits, httpLimits } from "../../../src/http/request/HttpLimits.ts"
import { layerPlain } from "../../../src/http/server/Listener.ts"
import { makePlainServer } from "../../../src/http/server/NodeServer.ts"
import { bytes } from "../ProxyHarness.ts"

const net = process.getBuiltinModule("node:net")

const image = RegistryImage.ofPackage(bytes(1000))
const wanted = `GET /package?digest=${image.digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
const healthy = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/** Starts registry-packages-proxy without a cache. A test can lower the limits of its HTTP server. */
const start = Effect.fnUntraced(function* ({
  maxPackages = httpLimits.maxPackages,
  ...own
}: Partial<HttpLimits> = {}) {
  const server = makePlainServer(own)
  const sources = { "": CredentialStoreMock.registrySource({ host: "registry.test", repositoryPrefix: "p" }) }
  const context = yield* Layer.build(
    layerPlain({
      listen: { host: "127.0.0.1", port: 0 },
      platform: Platform.make("linux/amd64"),
      gracePeriod: Duration.zero,
      maxPackages,
      server
    }).pipe(
      Layer.provide(DigestCache.layerDisabled),
      Layer.provideMerge(RegistryClientMock.layer([image])),
      Layer.provide(CredentialStoreMock.layer({ sources })),
      Layer.provide(NodeServices.layer)
    )
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    registry: Context.get(context, RegistryClientMock),
    /** Opens a TCP connection. */
    connect: (): Duplex => net.connect(port, "127.0.0.1"),
    /** Opens an in-memory connection. */
    connectInMemory: (): Duplex => {
      const [client, socket] = MemorySocket.pair(64 * 1024)
      server.emit("connection", socket)
      return client
    }
  }
})

/** Sends `text` unchanged, and returns all text received until the connection ends. */
const send = (connect: () => Duplex, text: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = connect()
    let answer = ""
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1")
    })
    socket.on("error", () => {})
    socket.once("end", () => socket.destroy())
    socket.once("close", () => resume(Effect.succeed(answer)))
    socket.write(text)
    return Effect.sync(() => socket.destroy())
  })

describe("limits", () => {
  it.effect("a head with more fields than allowed is refused, one with as many as allowed is not", () =>
    Effect.gen(function* () {
      const { connect } = yield* start()
      for (const [count, status] of [
        [httpLimits.maxHeaders, 200],
        [httpLimits.maxHeaders + 1, 431],
        [3000, 431]
      ] as const) {
        const fields = Array.from({ length: count - 2 }, (_, index) => `${index % 10}:\r\n`).join("")
        const answer = yield* send(connect, healthy.replace("\r\n\r\n", `\r\n${fields}\r\n`))
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
        if (status === 431) assert.include(answer, "application/problem+json")
      }
    })
  )

  it.effect("a URL as long as allowed is answered, a longer one is refused", () =>
    Effect.gen(function* () {
      const { connect } = yield* start()
      for (const [length, status] of [
        [httpLimits.maxHeadBytes - 200, 200],
        [httpLimits.maxHeadBytes + 1, 431]
      ] as const) {
        const answer = yield* send(connect, healthy.replace("/healthz", `/healthz?${"a".repeat(length)}`))
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      }
    })
  )

  for (const [what, beginning] of [
    ["a head that never ends (slow loris)", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "],
    ["a request line that never ends", "GET /hea"],
    ["a connection that says nothing", ""],
    ["a body that never comes", "POST /package HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na"]
  ] as const) {
    it.effect(`${what} is answered with an error`, () =>
      Effect.gen(function* () {
        const { connect } = yield* start({
          headersTimeout: Duration.millis(40),
          requestTimeout: Duration.millis(80),
          checkInterval: Duration.millis(20)
        })
        const answer = yield* send(connect, beginning)
        // registry-packages-proxy does not wait for a body, so it answers the request before the timeout.
        assert.match(answer, beginning.startsWith("POST") ? /^HTTP\/1\.1 405 / : /^HTTP\/1\.1 408 /)
        assert.include(answer, "application/problem+json")
      })
    )
  }

  it.effect("an idle connection is closed", () =>
    Effect.gen(function* () {
      const { connect } = yield* start({ idleTimeout: Duration.millis(20) })
      const answer = yield* send(connect, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
      assert.match(answer, /^HTTP\/1\.1 200 /)
    })
  )

  it.effect(
    "connections beyond the limit are closed immediately, and accepted again when others have closed",
    () =>
      Effect.gen(function* () {
        const { connect } = yield* start({ maxConnections: 2 })
        const kept = [connect(), connect()]
        for (const socket of kept) {
          yield* Effect.callback<void>((resume) => {
            socket.once("data", () => resume(Effect.void))
            socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
          })
        }
        assert.strictEqual(yield* send(connect, healthy), "")
        for (const socket of kept) yield* send(() => socket, healthy)
        assert.match(yield* send(connect, healthy), /^HTTP\/1\.1 200 /)
      })
  )

  it.effect(
    "packages beyond the limit are answered 503 immediately, and served again when others have finished",
    () =>
      Effect.gen(function* () {
        const maxPackages = 40
        const { connectInMemory, registry } = yield* start({ maxPackages })
        const held = Latch.makeUnsafe(false)
        const full = Latch.makeUnsafe(false)
        let waiting = 0
        const until = Effect.suspend(() => {
          if (++waiting === maxPackages) full.openUnsafe()
          return held.await
        })
        const stalls = Array.from({ length: maxPackages }, () => ({ _tag: "Stall", until }) as const)
        yield* registry.injectFaults("resolve", ...stalls)
        const answers = yield* Effect.forEach(stalls, () => Effect.forkChild(send(connectInMemory, wanted)))
        yield* full.await
        const refused = yield* send(connectInMemory, wanted)
        assert.match(refused, /^HTTP\/1\.1 503 /)
        assert.match(refused, /retry-after: 1\r\n/i)
        const probe = yield* send(connectInMemory, healthy.replace("healthz", "readyz"))
        assert.match(probe, /^HTTP\/1\.1 200 /)
        const [first, ...others] = answers
        if (first !== undefined) yield* Fiber.interrupt(first)
        yield* send(connectInMemory, wanted).pipe(
          Effect.repeat({ until: (answer) => answer.startsWith("HTTP/1.1 200 ") })
        )
        yield* held.open
        for (const answer of yield* Fiber.joinAll(others)) assert.match(answer, /^HTTP\/1\.1 200 /)
      })
  )

  it("docs/http.md has their values", () => {
    const text = readFileSync(new URL("../../../../../docs/http.md", import.meta.url), "utf8")
    for (const line of [
      `| request head (request line and headers) | ${httpLimits.maxHeadBytes / 1024} KiB, then 431 |`,
      `| header fields of a request | ${httpLimits.maxHeaders}, then 431 |`,
      `| time for a request's head; for the whole request | ${Duration.toSeconds(httpLimits.headersTimeout)} s; ` +
        `${Duration.toSeconds(httpLimits.requestTimeout)} s; then 408; checked every ${Duration.toSeconds(httpLimits.checkInterval)} s |`,
      `| idle time of a kept-alive connection | ${Duration.toSeconds(httpLimits.idleTimeout)} s |`,
      `| connections to a listener | ${httpLimits.maxConnections}; more are closed at once |`,
      `| package requests in progress, on all listeners together | ${httpLimits.maxPackages}, then 503 with \`Retry-After: 1\` |`,
      `| unanswered requests that were read from one connection | ${httpLimits.maxPipelined}; `,
      `| ${httpLimits.maxBufferedBytes / 1024 / 1024} MiB; a connection that would exceed this is closed |`,
      `| time in which a client reads no byte of a response | ${Duration.toSeconds(httpLimits.sendTimeout)} s, `,
      "| nesting of JSON in a manifest; manifests in an index; nesting of indexes | " +
        `${Manifest.maxJsonDepth}; ${Manifest.maxChildren}; ${Manifest.maxNestedIndexes} |`
    ]) {
      assert.include(text, line)
    }
  })
})
