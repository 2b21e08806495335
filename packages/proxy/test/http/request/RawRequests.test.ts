import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { start, withPlatform } from "../ProxyHarness.ts"

const net = process.getBuiltinModule("node:net")

/** Sends `text` unchanged, and returns all text received until the connection ends. */
const exchange = (origin: string, text: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = net.connect(Number(new URL(origin).port), "127.0.0.1", () => socket.write(text))
    let answer = ""
    socket.on("data", (chunk) => {
      answer += chunk.toString()
    })
    socket.on("error", () => {})
    socket.once("close", () => resume(Effect.succeed(answer)))
    return Effect.sync(() => socket.destroy())
  })

describe("requests that no client library sends", () => {
  it.effect("answers a too large head with 431 and a problem", () =>
    withPlatform(
      Effect.gen(function* () {
        const { origin } = yield* start()
        const answer = yield* exchange(
          origin,
          `GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`
        )
        assert.match(answer, /^HTTP\/1\.1 431 /)
        assert.include(answer, "application/problem+json")
        assert.include(answer, "16384 bytes")
      })
    )
  )

  it.effect("answers text that is not HTTP, and HTTP/1.1 without a Host, with 400 and a problem", () =>
    withPlatform(
      Effect.gen(function* () {
        const { origin } = yield* start()
        for (const text of [
          "nonsense\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
        ]) {
          const answer = yield* exchange(origin, text)
          assert.match(answer, /^HTTP\/1\.1 400 /)
          assert.include(answer.toLowerCase(), "application/problem+json")
        }
      })
    )
  )

  it.effect("accepts an absolute-form target by its path, and HTTP/1.0 without a Host", () =>
    withPlatform(
      Effect.gen(function* () {
        const { origin } = yield* start()
        for (const text of [
          "GET http://proxy.test/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
          "GET /healthz HTTP/1.0\r\n\r\n"
        ]) {
          const answer = yield* exchange(origin, text)
          assert.match(answer, /^HTTP\/1\.1 200 /)
        }
      })
    )
  )
})
