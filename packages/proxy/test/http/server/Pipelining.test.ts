import { assert, describe, it } from "@effect/vitest"
import { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import { Deferred, Effect, Schema } from "effect"
import type { Socket } from "node:net"
import { httpLimits } from "../../../src/http/request/HttpLimits.ts"
import { makePlainServer } from "../../../src/http/server/NodeServer.ts"
import * as Pipelining from "../../../src/http/server/Pipelining.ts"
import { closed, collect, type Exchange, type Kind, kinds, start as startBare } from "./BareServer.ts"
import { withPlatform } from "../ProxyHarness.ts"
import { startSecure, tokens } from "../SecureHarness.ts"

const net = process.getBuiltinModule("node:net")

/** Starts a Node server with `Pipelining`. `parsed` counts the requests that Node has parsed. */
const start = (kind: Kind, own: Parameters<typeof Pipelining.attach>[2] = {}) => {
  const parsed = { count: 0 }
  return Effect.map(
    startBare(kind, (server, event) => {
      const { inOrder } = Pipelining.attach(server, event, own)
      return (answer) => {
        const enter = inOrder((request, response) => answer({ request, response }))
        server.on("request", (request, response) => {
          parsed.count++
          enter(request, response)
        })
      }
    }),
    (server) => ({ ...server, parsed })
  )
}

const requests = (count: number, fields = ""): string =>
  Array.from({ length: count }, (_, n) => `GET /${n} HTTP/1.1\r\nHost:x\r\n${fields}\r\n`).join("")

/** Responds with the path of the request between angle brackets. */
const echo = ({ request, response }: Exchange): void => {
  response.end(`<${request.url}>`)
}

const echoed = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/<(\/\d+)>/g)].map(([, path]) => path ?? "")

const paths = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, n) => `/${n}`)

for (const kind of kinds) {
  describe(`requests pipelined on a ${kind[0]} connection`, () => {
    it.effect("are handled one after another, and each gets its response", () =>
      Effect.gen(function* () {
        const { connect, parsed, turn, waiting } = yield* start(kind)
        const client = yield* connect
        const received = collect(client)
        // The requests are larger than one read and one TLS record.
        client.write(requests(5000))
        for (let n = 0; n < 5000; n++) {
          const exchange = yield* turn
          assert.strictEqual(exchange.request.url, `/${n}`)
          assert.strictEqual(yield* waiting, 0, "another has its turn at the same time")
          // Node may have parsed one request more if a read ends inside the empty line after a head.
          assert.isAtMost(parsed.count, n + 2, "others are parsed meanwhile")
          echo(exchange)
        }
        assert.deepStrictEqual(echoed(yield* received.until((text) => text.endsWith("</4999>"))), paths(5000))
      })
    )

    it.effect("are not parsed while one is being answered", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        const received = collect(client)
        const count = 20_000
        client.write(requests(count, `A: ${"a".repeat(200)}\r\n`))
        const first = yield* turn
        // Meanwhile, another connection is served over several turns of the event loop.
        const other = yield* connect
        const probed = collect(other)
        for (let n = 0; n < 50; n++) {
          other.write("GET /1 HTTP/1.1\r\nHost:x\r\n\r\n")
          echo(yield* turn)
          yield* probed.until((text) => echoed(text).length === n + 1)
        }
        const [socket] = sockets
        assert.isBelow(socket?.bytesRead ?? Infinity, 256 * 1024)
        echo(first)
        for (let n = 1; n < count; n++) echo(yield* turn)
        assert.deepStrictEqual(
          echoed(yield* received.until((text) => text.endsWith(`</${count - 1}>`))),
          paths(count)
        )
      })
    )

    it.effect("yield to other connections, although each is answered immediately", () =>
      Effect.gen(function* () {
        const order: Array<string> = []
        const { connect } = yield* startBare(kind, (server, event) => () => {
          const enter = Pipelining.attach(server, event).inOrder((request, response) => {
            order.push(request.url ?? "")
            echo({ request, response })
          })
          server.on("request", enter)
        })
        const [many, one] = yield* Effect.replicateEffect(connect, 2)
        if (many === undefined || one === undefined) assert.fail()
        const [received, probed] = [collect(many), collect(one)]
        for (const fields of ["", "Content-Length: 0\r\n"]) {
          order.length = 0
          many.write(requests(500, fields))
          one.write("GET /1000 HTTP/1.1\r\nHost:x\r\n\r\n")
          yield* probed.until((text) => text.endsWith("</1000>"))
          yield* received.until((text) => text.endsWith("</499>"))
          assert.isBelow(order.indexOf("/1000"), 100)
        }
      })
    )

    it.effect("are at most 16 if they follow bodies", () =>
      Effect.gen(function* () {
        const { connect, parsed, turn } = yield* start(kind)
        const client = yield* connect
        const received = collect(client)
        client.write(
          paths(100)
            .map((path) => `GET ${path} HTTP/1.1\r\nHost:x\r\nContent-Length:1\r\n\r\na`)
            .join("")
        )
        for (let n = 0; n < 100; n++) {
          const exchange = yield* turn
          assert.strictEqual(exchange.request.url, `/${n}`)
          assert.isAtMost(parsed.count - n, httpLimits.maxPipelined)
          echo(exchange)
        }
        assert.deepStrictEqual(echoed(yield* received.until((text) => text.endsWith("</99>"))), paths(100))
      })
    )

    it.effect("are limited in their buffered bytes over all connections", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind, { maxBufferedBytes: 25_000 })
        const [first, second, third] = yield* Effect.replicateEffect(connect, 3)
        if (first === undefined || second === undefined || third === undefined) assert.fail()
        const received = collect(first)
        first.write(requests(400))
        const held = yield* turn
        second.write(requests(700))
        yield* turn
        yield* closed(second)
        // The bytes of a closed connection no longer count.
        third.write(requests(400))
        yield* turn
        assert.deepStrictEqual(
          sockets.map(({ destroyed }) => destroyed),
          [false, true, false]
        )
        echo(held)
        for (let n = 1; n < 400; n++) echo(yield* turn)
        assert.lengthOf(echoed(yield* received.until((text) => text.endsWith("</399>"))), 400)
      })
    )

    it.effect("count as buffered while their heads are incomplete", () =>
      Effect.gen(function* () {
        const { connect, turn } = yield* start(kind, { maxBufferedBytes: 25_000 })
        const ask = (client: Socket) => {
          client.write(`GET /0 HTTP/1.1\r\nHost:x\r\nA: ${"a".repeat(10_000)}`)
          return client
        }
        const clients = (yield* Effect.replicateEffect(connect, 3)).map(ask)
        yield* Effect.raceAllFirst(clients.map(closed))
        const open = clients.filter(({ destroyed }) => !destroyed)
        assert.lengthOf(open, 2)
        for (const client of open) {
          client.write("\r\n\r\n")
          yield* turn
        }
        const [one, other] = (yield* Effect.replicateEffect(connect, 2)).map(ask)
        if (one === undefined || other === undefined) assert.fail()
        for (const client of [one, other]) {
          client.write("\r\n\r\n")
          yield* turn
        }
        assert.isFalse(one.destroyed || other.destroyed)
      })
    )

    it.effect("count as buffered with their unread bodies until they are answered", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind, { maxBufferedBytes: 25_000 })
        const ask = Effect.gen(function* () {
          const client = yield* connect
          const received = collect(client)
          client.write(`GET /0 HTTP/1.1\r\nHost:x\r\nContent-Length: 10000\r\n\r\n${"a".repeat(10_000)}`)
          const exchange = yield* turn
          return { client, received, exchange }
        })
        const [first, second, third] = [yield* ask, yield* ask, yield* ask]
        yield* closed(third.client)
        assert.deepStrictEqual(
          sockets.map(({ destroyed }) => destroyed),
          [false, false, true]
        )
        for (const { exchange, received } of [first, second]) {
          echo(exchange)
          yield* received.until((text) => text.endsWith("</0>"))
        }
        const [fourth, fifth] = [yield* ask, yield* ask]
        for (const { exchange, received } of [fourth, fifth]) {
          echo(exchange)
          yield* received.until((text) => text.endsWith("</0>"))
        }
      })
    )

    it.effect("are not answered after one that closes the connection", () =>
      Effect.gen(function* () {
        const { connect, parsed, turn } = yield* start(kind)
        const client = yield* connect
        const received = collect(client)
        client.write(requests(1, "Connection: close\r\n") + requests(10))
        echo(yield* turn)
        yield* closed(client)
        assert.deepStrictEqual(echoed(received.text()), ["/0"])
        assert.strictEqual(parsed.count, 1)
      })
    )

    it.effect("are answered after a refused upgrade", () =>
      Effect.gen(function* () {
        const { connect, turn } = yield* start(kind)
        const client = yield* connect
        const received = collect(client)
        client.write(requests(3, "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        for (let n = 0; n < 3; n++) echo(yield* turn)
        assert.deepStrictEqual(echoed(yield* received.until((text) => text.endsWith("</2>"))), paths(3))
      })
    )

    it.effect("are dropped if the client disconnects", () =>
      Effect.gen(function* () {
        const { connect, parsed, sockets, turn, waiting } = yield* start(kind)
        const client = yield* connect
        client.write(requests(100))
        yield* turn
        const [socket] = sockets
        if (socket === undefined) assert.fail()
        socket.destroy()
        yield* closed(client)
        assert.deepStrictEqual([parsed.count, yield* waiting], [1, 0])
      })
    )
  })
}

describe("the program", () => {
  for (const [kind] of kinds) {
    it.effect(`answers what is pipelined on a ${kind} connection one after another`, () =>
      withPlatform(
        Effect.gen(function* () {
          const { connect, origin, package: path, registry, request } = yield* startSecure({ plain: true })
          const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const until = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
          yield* registry.injectFaults("resolve", { _tag: "Stall", until })
          const client: Socket =
            kind === "plain"
              ? net.connect(Number(new URL(origin).port), "127.0.0.1")
              : (yield* connect()).socket
          yield* Effect.addFinalizer(() => Effect.sync(() => client.destroy()))
          const received = collect(client)
          const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.packages}\r\n\r\n`
          client.write(head.repeat(3))
          yield* Deferred.await(begun)
          // A later connection is served. Of the pipelined requests, only the first has started.
          assert.strictEqual((yield* request(path, { token: tokens.packages })).status, 200)
          assert.strictEqual(yield* registry.callCount("resolve"), 2)
          yield* Deferred.succeed(gate, undefined)
          yield* received.until((text) => text.match(/HTTP\/1\.1 200 /g)?.length === 3)
          assert.strictEqual(yield* registry.callCount("resolve"), 4)
        })
      )
    )
  }
})

it.effect("further TLS records that a paused connection has read count as buffered", () =>
  Effect.gen(function* () {
    const server = makePlainServer()
    const begun = yield* Deferred.make<void>()
    const { inOrder } = Pipelining.attach(server, "connection", { maxBufferedBytes: 25_000 })
    server.on(
      "request",
      inOrder(() => void Deferred.doneUnsafe(begun, Effect.void))
    )
    const [client, socket] = MemorySocket.pair(64 * 1024)
    yield* Effect.addFinalizer(() => Effect.sync(() => client.destroy()))
    server.emit("connection", socket)
    socket.push(Buffer.from(requests(2)))
    yield* Deferred.await(begun)
    socket.push(Buffer.from(requests(400)))
    assert.isFalse(socket.destroyed)
    socket.push(Buffer.from(requests(600)))
    assert.isTrue(socket.destroyed)
  })
)

/**
 * Functions that make the body of a request, and the header fields that announce it. The name of each function says how
 * the body is announced.
 */
const bodies = {
  none: () => ({ fields: "", body: "" }),
  length: (size: number) => ({
    fields: `Content-Length: ${size}\r\n`,
    body: "\r\n\r\nGET ".repeat(9).slice(0, size)
  }),
  chunks: (size: number) => ({
    fields: "Transfer-Encoding: chunked\r\n",
    body: ["\r\n\r\nGET ".repeat(9).slice(0, size), ""]
      .filter((chunk, index, { length }) => chunk !== "" || index === length - 1)
      .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
      .join("")
  }),
  expected: () => ({ fields: "Expect: 100-continue\r\nContent-Length: 4\r\n", body: "\r\n\r\n" })
}

const Asked = Schema.Struct({
  body: Schema.Literals(["none", "length", "chunks", "expected"]),
  size: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
  isLater: Schema.Boolean
})

it.effect.prop(
  "requests get the same responses for every way of splitting them into chunks",
  [
    Schema.NonEmptyArray(Asked),
    Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })))
  ],
  ([asked, pieces]) =>
    Effect.gen(function* () {
      const server = makePlainServer()
      const { inOrder } = Pipelining.attach(server, "connection")
      const begun = { now: 0, most: 0 }
      const answered = inOrder((request, response) => {
        begun.most = Math.max(begun.most, ++begun.now)
        response.on("finish", () => begun.now--)
        const answer = (): void => echo({ request, response })
        if (asked[Number(request.url?.slice(1))]?.isLater === true) setImmediate(answer)
        else answer()
      })
      server.on("request", answered)
      const [client, socket] = MemorySocket.pair(64 * 1024)
      server.emit("connection", socket)
      const received = collect(client)
      const text = asked
        .map(({ body, size }, n) => ({ n, ...bodies[body](size) }))
        .map(({ body, fields, n }) => `GET /${n} HTTP/1.1\r\nHost:x\r\n${fields}\r\n${body}`)
        .join("")
      for (let [at, n] = [0, 0]; at < text.length; n++) {
        const size = pieces[n % pieces.length] ?? 1
        client.write(Buffer.from(text.slice(at, at + size), "latin1"))
        at += size
      }
      const answer = yield* received.until((text) => text.endsWith(`</${asked.length - 1}>`))
      client.destroy()
      assert.deepStrictEqual(echoed(answer), paths(asked.length))
      assert.strictEqual(begun.most, 1)
    }),
  { arbitrary: { runs: 200 } }
)
