import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Agent, IncomingMessage } from "node:http"
import { createServer, type Server } from "node:net"
import * as NodeAgents from "../src/internal/NodeAgents.ts"
import * as Taps from "../src/internal/Taps.ts"

const http = process.getBuiltinModule("node:http")

const head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"

/** Answers a connection's first request: breaks off in the middle of the body, or gives all of it. */
const serve = (answers: ReadonlyArray<{ readonly body: string; readonly end: "end" | "reset" | "keep" }>) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      let next = 0
      const server = createServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => {
          const { body = "", end = "end" } = answers[next++] ?? {}
          socket.write(head + body.slice(0, 2))
          // Only once the head has been read.
          socket.once("data", () => {
            socket.write(body.slice(2), () => {
              if (end === "end") socket.end()
              if (end === "reset") socket.resetAndDestroy()
            })
          })
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const ask = (agent: Agent, server: Server) =>
  Effect.callback<IncomingMessage>((resume) => {
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    const request = http.get({ agent, port, host: "127.0.0.1" }, (message) => {
      message.on("error", () => {})
      // The rest is asked for once whoever reads it is there.
      setImmediate(() => resume(Effect.succeed(message)))
    })
    request.on("error", () => {})
  })

const goOn = (message: IncomingMessage) => message.socket.write("more")

const ended = (message: IncomingMessage) =>
  Effect.callback<string>((resume) => {
    let body = ""
    message.on("data", (chunk: Buffer) => {
      body += chunk.toString()
    })
    message.on("close", () => resume(Effect.succeed(body)))
  })

for (const end of ["end", "reset"] as const) {
  it.effect(
    `a connection that ends under a tap (${end}) leaves a parser that gives the next one's body`,
    Effect.fn(function* () {
      const server = yield* serve([
        { body: "01234", end },
        { body: "0123456789", end: "keep" }
      ])
      const { http: agent } = yield* NodeAgents.make({
        connectTimeoutMillis: 5000,
        idleMillis: 5000,
        maxSockets: 4,
        proxyEnv: {},
        secureContext: undefined
      })
      const broken = yield* ask(agent, server)
      assert.strictEqual(String(broken.read(2)), "01")
      let tapped = ""
      assert.isTrue(
        Taps.open(broken, (bytes) => {
          tapped += Buffer.from(bytes).toString()
          return true
        })
      )
      goOn(broken)
      assert.strictEqual(yield* ended(broken), "", "what the tap had is not in the message")
      assert.strictEqual(tapped, "234")
      // Nobody has closed the tap.
      const whole = yield* ask(agent, server)
      const body = ended(whole)
      goOn(whole)
      assert.strictEqual(yield* body, "0123456789")
    })
  )
}
