import { assert, layer } from "@effect/vitest"
import { Clock, Console, Effect } from "effect"
import { HttpClient } from "effect/http"
import { randomBytes } from "node:crypto"
import { connect } from "node:tls"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as MemoryLimit from "../src/machine/MemoryLimit.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import * as ReviewFixture from "../src/fixtures/ReviewFixture.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const abandoned = 30_000
const connections = 16
const patience = 15

/** Sends a package request with a random token, and disconnects before the response arrives. */
const abandon = (origin: string) =>
  Effect.callback<void>((resume) => {
    const { hostname, port } = new URL(origin)
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      socket.write(
        `GET /package HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${randomBytes(24).toString("base64url")}\r\n\r\n`
      )
      setTimeout(() => socket.destroy(), patience)
    })
    socket.on("error", () => socket.destroy())
    socket.once("close", () => resume(Effect.void))
  })

const abandonMany = (origin: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => abandon(origin), {
    concurrency: connections,
    discard: true
  })

layer(layerPrograms, layerOptions)(
  "Tokens of clients that disconnect while the API server is silent",
  (it) => {
    it.effect(
      "leave nothing behind: less than 32 MiB, no review, and the next valid token is decided within 3 s",
      () =>
        Effect.gen(function* () {
          const memoryLimit = yield* MemoryLimit.make(512)
          yield* Console.log(`memory limit: ${memoryLimit.description}`)
          const { counts, proxy, secureOrigin, silence, resume } = yield* ReviewFixture.start({
            wrapCommand: memoryLimit.wrapCommand
          })
          const metric = (name: string) =>
            Effect.map(
              Effect.flatMap(HttpClient.get(`${proxy.origin}/metrics`), ({ text }) => text),
              (text) => Number(new RegExp(`^registry_packages_proxy_${name} (\\d+)$`, "m").exec(text)?.[1])
            )
          const idle = yield* ProcessMemory.read(proxy.pid)
          // Warms up, so that `before` includes the memory of code and connections.
          yield* abandonMany(secureOrigin, 1000)
          yield* silence
          const before = yield* ProcessMemory.read(proxy.pid)
          const reviewsBefore = (yield* counts).tokenReviews
          const began = yield* Clock.currentTimeMillis
          yield* abandonMany(secureOrigin, abandoned)
          const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
          const { peakMiB: peak } = yield* ProcessMemory.read(proxy.pid)
          const reviews = (yield* counts).tokenReviews - reviewsBefore
          const queued = yield* metric("access_reviews_queued")
          yield* resume
          const spoke = yield* Clock.currentTimeMillis
          const status = yield* ReviewFixture.requestStatus(secureOrigin, ReviewFixture.validToken)
          const decided = (yield* Clock.currentTimeMillis) - spoke
          const sizes = [idle.residentMiB, before.residentMiB, peak].map((size) => size.toFixed(1)).join(", ")
          yield* Console.log(
            `${abandoned} in ${seconds.toFixed(1)} s, ${reviews} TokenReviews sent, ${queued} queued; ` +
              `a valid token decided in ${decided} ms; MiB idle, before, peak: ${sizes}`
          )
          assert.strictEqual(status, 400)
          assert.isAtMost(decided, 3000)
          // The reviews of clients that disconnected a moment ago may still be queued.
          assert.isAtMost(queued, connections)
          // The program sends four reviews per second, and up to 32 before it notices that the API server is silent.
          assert.isAtMost(reviews, 4 * seconds + 32)
          assert.isBelow(peak - before.residentMiB, 32)
        }).pipe(Effect.scoped, showLogsOnFailure),
      { timeout: 1_200_000 }
    )
  }
)
