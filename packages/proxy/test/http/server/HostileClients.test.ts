import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Context, Duration, Effect, Fiber, FileSystem, Latch, Layer } from "effect"
import { layerPlain } from "../../../src/http/server/Listener.ts"
import { makePlainServer } from "../../../src/http/server/NodeServer.ts"
import { bytes } from "../ProxyHarness.ts"

const content = bytes(400_000)
const image = RegistryImage.ofPackage(content)
const path = `/package?digest=${image.digest}`
const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/** Starts registry-packages-proxy with its cache on disk. Clients use in-memory connections. */
const start = Effect.gen(function* () {
  const server = makePlainServer()
  const fs = yield* FileSystem.FileSystem
  const context = yield* Layer.build(
    layerPlain({
      listen: { host: "127.0.0.1", port: 0 },
      platform: Platform.make("linux/amd64"),
      gracePeriod: Duration.zero,
      server
    }).pipe(
      Layer.provide(DigestCache.layer({ directory: yield* fs.makeTempDirectoryScoped(), cap: 10_000_000 })),
      Layer.provideMerge(RegistryClientMock.layer([image])),
      Layer.provide(
        CredentialStoreMock.layer({
          sources: {
            "": CredentialStoreMock.registrySource({ host: "registry.test", repositoryPrefix: "p" })
          }
        })
      ),
      Layer.provide(NodeServices.layer)
    )
  )
  return {
    registry: Context.get(context, RegistryClientMock),
    connect: (): MemorySocket => {
      const [client, socket] = MemorySocket.pair(64 * 1024)
      server.emit("connection", socket)
      return client
    }
  }
})

const withProgram = <E>(body: (program: Effect.Success<typeof start>) => Effect.Effect<void, E>) =>
  Effect.flatMap(start, body).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

/** Sends the text, `piece` characters at a time. Returns all bytes received until the connection ends. */
const exchange = (client: MemorySocket, text: string, piece = text.length): Effect.Effect<Buffer> =>
  Effect.callback((resume) => {
    const received: Array<Buffer> = []
    client.on("data", (chunk: Buffer) => received.push(chunk))
    client.on("error", () => {})
    client.once("end", () => client.destroy())
    client.once("close", () => resume(Effect.succeed(Buffer.concat(received))))
    const send = (at: number): void => {
      if (at >= text.length || client.destroyed) return
      client.write(Buffer.from(text.slice(at, at + piece), "latin1"), () => send(at + piece))
    }
    send(0)
    return Effect.sync(() => client.destroy())
  })

/**
 * Returns the statuses of all responses in `answer`. Bodies are random bytes or JSON, so no body contains a status
 * line.
 */
const statuses = (answer: Buffer): ReadonlyArray<number> =>
  [...answer.toString("latin1").matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))

const bodyOf = (answer: Buffer): Buffer => answer.subarray(answer.indexOf("\r\n\r\n") + 4)

describe("hostile and odd requests", () => {
  for (const [what, head] of [
    [
      "Content-Length beside Transfer-Encoding",
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ],
    [
      "Transfer-Encoding beside Content-Length",
      "transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n"
    ],
    ["two different Content-Lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
    ["a negative Content-Length", "Content-Length: -1\r\n\r\n"],
    ["a Content-Length with a sign", "Content-Length: +5\r\n\r\nhello"],
    ["a Content-Length that is a list", "Content-Length: 5, 5\r\n\r\nhello"],
    ["a Transfer-Encoding that does not end chunked", "Transfer-Encoding: gzip\r\n\r\n"],
    ["a chunk size that is none", "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"],
    ["a blank before a colon", "Content-Length : 5\r\n\r\nhello"],
    ["a folded field", "X-A: b\r\n c\r\n\r\n"],
    ["a field without a colon", "X-A\r\n\r\n"],
    ["a NUL in a field", "X-A: a\0b\r\n\r\n"],
    ["a carriage return in a field", "X-A: a\rb\r\n\r\n"],
    ["lines ended by a bare carriage return", "X-A: b\r\r"],
    ["lines ended by a bare line feed", "X-A: b\n\n"]
  ] as const) {
    it.effect(`${what}: refused, and nothing behind it is taken for a request`, () =>
      withProgram(({ connect }) =>
        Effect.gen(function* () {
          const answer = yield* exchange(connect(), `GET ${path} HTTP/1.1\r\nHost: x\r\n${head}${last}`)
          const all = statuses(answer)
          // If a chunk size is invalid, the connection is closed, perhaps after a complete response.
          assert.isTrue(
            all.length === 1 && (all[0] === 400 || head.includes("chunked\r\n\r\n0x")),
            all.join(", ")
          )
          assert.notInclude(answer.toString("latin1"), "\r\n\r\nok\n")
        })
      )
    )
  }

  for (const [what, text] of [
    ["another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["a method that is none", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a version that is none", "GET / HTTP/1.10\r\nHost: x\r\n\r\n"],
    ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["bytes that are no text in the target", "GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["two Host fields", last.replace("Host: x", "Host: x\r\nhost: x")],
    ["a Host field that is a list", last.replace("Host: x", "Host: x, y/z")],
    ["a Host field with credentials", last.replace("Host: x", "Host: a@x")],
    ["no Host field", last.replace("Host: x\r\n", "")],
    ["two Authorization fields", last.replace("Host: x", "Host: x\r\nAuthorization: a\r\nauthorization: a")],
    [
      "Transfer-Encoding in HTTP/1.0, whose connection was to be kept",
      "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ],
    ["text of HTTP/2", last.replace("HTTP/1.1", "HTTP/2.0")]
  ] as const) {
    it.effect(`${what}: 400 with a problem`, () =>
      withProgram(({ connect }) =>
        Effect.gen(function* () {
          const answer = (yield* exchange(connect(), text)).toString("latin1")
          assert.match(answer, /^HTTP\/1\.1 400 /)
          assert.include(answer, "application/problem+json")
        })
      )
    )
  }

  it.effect("empty lines before a request are ignored (RFC 9112, section 2.2)", () =>
    withProgram(({ connect }) =>
      Effect.map(exchange(connect(), `\r\n\r\n${last}`), (answer) =>
        assert.deepStrictEqual(statuses(answer), [200])
      )
    )
  )

  for (const [what, fields, body] of [
    ["with a length", "Content-Length: 5\r\n", "hello"],
    ["in chunks", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"],
    ["that looks like a request", `Content-Length: ${last.length}\r\n`, last],
    ["larger than what is read ahead", "Content-Length: 204800\r\n", "a".repeat(204_800)]
  ] as const) {
    it.effect(`a body on GET ${what} is ignored, and the next request of its connection answered`, () =>
      withProgram(({ connect }) =>
        Effect.gen(function* () {
          const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\n${fields}\r\n`
          const answer = yield* exchange(connect(), `${head}${body}${last}`)
          assert.deepStrictEqual(statuses(answer), [206, 200])
          assert.include(answer.toString("latin1"), Buffer.from(content.subarray(0, 10)).toString("latin1"))
          assert.isTrue(answer.toString("latin1").endsWith("ok\n"))
        })
      )
    )
  }

  it.effect("a client that expects 100-continue is answered without it", () =>
    withProgram(({ connect }) =>
      Effect.gen(function* () {
        const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`
        const answer = yield* exchange(connect(), `${head}hello${last}`)
        assert.deepStrictEqual(statuses(answer), [200])
        assert.isTrue(bodyOf(answer).equals(content))
      })
    )
  )

  it.effect("an unknown Expect is ignored", () =>
    withProgram(({ connect }) =>
      Effect.gen(function* () {
        const answer = yield* exchange(connect(), last.replace("\r\n\r\n", "\r\nExpect: wonders\r\n\r\n"))
        assert.deepStrictEqual(statuses(answer), [200])
      })
    )
  )

  it.effect("upgrades and tunnels are not supported", () =>
    withProgram(({ connect }) =>
      Effect.gen(function* () {
        // After an ignored upgrade, the connection accepts further requests.
        const client = connect()
        const first = yield* Effect.callback<Buffer>((resume) => {
          client.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk)))
          client.write(last.replace("close", "keep-alive, Upgrade\r\nUpgrade: websocket"))
        })
        assert.deepStrictEqual(statuses(first), [200])
        assert.deepStrictEqual(statuses(yield* exchange(client, last)), [200])
        const upgrade = last.replace("Connection: close", "Connection: Upgrade, close\r\nUpgrade: websocket")
        assert.deepStrictEqual(statuses(yield* exchange(connect(), upgrade)), [200])
        const tunnel = yield* exchange(connect(), "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
        assert.deepStrictEqual(statuses(tunnel), [405])
        assert.match(tunnel.toString("latin1"), /^allow: GET, HEAD\r$/im)
      })
    )
  )

  it.effect("an absolute-form target is served by its path for any host; other forms are 404", () =>
    withProgram(({ connect }) =>
      Effect.gen(function* () {
        const ask = (target: string) =>
          Effect.map(exchange(connect(), last.replace("/healthz", target)), (answer) => statuses(answer))
        assert.deepStrictEqual(yield* ask(`http://elsewhere.test${path}`), [200])
        assert.deepStrictEqual(yield* ask("HTTPS://elsewhere.test:1/healthz?x"), [200])
        for (const target of ["http://elsewhere.test", "elsewhere.test", "*", "//healthz", "/../healthz"]) {
          const [status, ...others] = yield* ask(target)
          assert.isTrue((status === 404 || status === 400) && others.length === 0, `${target}: ${status}`)
        }
      })
    )
  )

  it.effect("a request sent one byte at a time is answered", () =>
    withProgram(({ connect }) =>
      Effect.gen(function* () {
        const answer = yield* exchange(connect(), request + last, 1)
        assert.deepStrictEqual(statuses(answer), [200, 200])
        assert.isTrue(bodyOf(answer).subarray(0, content.length).equals(content))
      })
    )
  )

  it.effect("pipelined requests get complete responses in order, misses and hits", () =>
    withProgram(({ connect, registry }) =>
      Effect.gen(function* () {
        const asked = Array.from({ length: 20 }, (_, n) => [
          request,
          request.replace("Host: x", `Host: x\r\nRange: bytes=${n}-${n + 9}`),
          request.replace("GET", "HEAD"),
          `GET /elsewhere/${n} HTTP/1.1\r\nHost: x\r\n\r\n`,
          "GET /package HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\r\n\r\n"
        ]).flat()
        const answer = yield* exchange(connect(), asked.join("") + last)
        let rest = answer
        for (const [index, text] of [...asked, last].entries()) {
          const head = rest.subarray(0, rest.indexOf("\r\n\r\n") + 4)
          const status = [200, 206, 200, 404, 400][index % 5] ?? 200
          assert.match(head.toString("latin1"), new RegExp(`^HTTP/1\\.1 ${text === last ? 200 : status} `))
          const length = Number(/content-length: (\d+)/i.exec(head.toString("latin1"))?.[1])
          const body = rest.subarray(head.length, head.length + (text.startsWith("HEAD") ? 0 : length))
          if (text === request) assert.isTrue(body.equals(content))
          if (status === 206) {
            const from = Math.floor(index / 5)
            assert.isTrue(body.equals(content.subarray(from, from + 10)))
          }
          rest = rest.subarray(head.length + body.length)
        }
        assert.lengthOf(rest, 0)
        assert.strictEqual(yield* registry.callCount("blob"), 1)
      })
    )
  )

  for (const cached of [true, false]) {
    it.effect(
      `garbage after a request never gets into that request's response (${cached ? "hit" : "miss"})`,
      () =>
        withProgram(({ connect, registry }) =>
          Effect.gen(function* () {
            const until = yield* Latch.make()
            if (cached) yield* exchange(connect(), request + last)
            else yield* registry.injectFaults("blob", { _tag: "Stall", until: until.await, after: 300_000 })
            const client = connect()
            const answering = yield* Effect.forkChild(exchange(client, request), { startImmediately: true })
            yield* Effect.callback<void>((resume) => {
              client.once("data", () => resume(Effect.void))
            })
            client.write("garbage\r\n\r\n")
            yield* until.open
            const answer = yield* Fiber.join(answering)
            // The garbage is parsed after the response, and gets a response of its own.
            assert.deepStrictEqual(statuses(answer), [200, 400])
            assert.isTrue(bodyOf(answer).subarray(0, content.length).equals(content))
            // Later requests still get the package.
            const again = yield* exchange(connect(), request + last)
            assert.isTrue(bodyOf(again).subarray(0, content.length).equals(content))
          })
        )
    )
  }

  for (const [operation, after] of [
    ["resolve", undefined],
    ["blob", 300_000]
  ] as const) {
    it.effect(
      `a CONNECT after a body aborts the response in progress, and adds no bytes to it (${operation})`,
      () =>
        withProgram(({ connect, registry }) =>
          Effect.gen(function* () {
            const [begun, until] = yield* Effect.all([Latch.make(), Latch.make()])
            yield* registry.injectFaults(operation, {
              _tag: "Stall",
              until: Effect.andThen(begun.open, until.await),
              ...(after === undefined ? {} : { after })
            })
            const client = connect()
            const withBody = request.replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n")
            const answering = yield* Effect.forkChild(exchange(client, withBody), { startImmediately: true })
            yield* begun.await
            if (operation === "blob") {
              yield* Effect.callback<void>((resume) => {
                client.once("data", () => resume(Effect.void))
              })
            }
            client.write("aCONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
            const answer = yield* Fiber.join(answering)
            yield* until.open
            assert.deepStrictEqual(statuses(answer), operation === "blob" ? [200] : [])
            const received = bodyOf(answer)
            assert.isBelow(received.length, content.length)
            if (operation === "blob") assert.isTrue(received.equals(content.subarray(0, received.length)))
          })
        )
    )
  }

  it.effect("a thousand concurrent clients, some of which disconnect, get the package by one pull", () =>
    withProgram(({ connect, registry }) =>
      Effect.gen(function* () {
        const until = yield* Latch.make()
        yield* registry.injectFaults("blob", { _tag: "Stall", until: until.await, after: 100_000 })
        const clients = Array.from({ length: 1000 }, connect)
        const answers = yield* Effect.forEach(clients, (client) =>
          Effect.forkChild(exchange(client, request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")), {
            startImmediately: true
          })
        )
        // One client in ten disconnects while all clients wait for the package.
        clients.forEach((client, index) => index % 10 === 0 && client.resetAndDestroy())
        yield* until.open
        for (const [index, answer] of (yield* Fiber.joinAll(answers)).entries()) {
          if (index % 10 === 0) continue
          assert.isTrue(bodyOf(answer).equals(content), `client ${index}`)
        }
        assert.strictEqual(yield* registry.callCount("blob"), 1)
      })
    )
  )
})
