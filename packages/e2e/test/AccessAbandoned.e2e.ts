import { assert, layer } from "@effect/vitest"
import { Clock, Console, Effect } from "effect"
import { HttpClient } from "effect/http"
import { randomBytes } from "node:crypto"
import { connect } from "node:tls"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as MemoryLimit from "../src/machine/MemoryLimit.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import * as ReviewBed from "../src/beds/ReviewBed.ts"
import { layerParts, options } from "../src/beds/TestBed.ts"

const abandoned = 30_000
const connections = 16
const patience = 15

/** Sends a request with a token that nobody knows, and hangs up before it can be answered. */
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

layer(layerParts, options)("Tokens whose senders hang up, while the API server is silent", (it) => {
  it.effect(
    "leave nothing behind: less than 32 MiB, no review, and the next good token is decided within 3 s",
    () =>
      Effect.gen(function* () {
        const memoryLimit = yield* MemoryLimit.make(512)
        yield* Console.log(`the program has ${memoryLimit.description}`)
        const { asked, bundle, secureOrigin, silence, speech } = yield* ReviewBed.start({
          command: memoryLimit.command
        })
        const metric = (name: string) =>
          Effect.map(
            Effect.flatMap(HttpClient.get(`${bundle.origin}/metrics`), ({ text }) => text),
            (text) => Number(new RegExp(`^registry_packages_proxy_${name} (\\d+)$`, "m").exec(text)?.[1])
          )
        const idle = yield* ProcessMemory.read(bundle.pid)
        // What connections and first requests cost is not theirs.
        yield* abandonMany(secureOrigin, 1000)
        yield* silence
        const before = yield* ProcessMemory.read(bundle.pid)
        const reviewsBefore = (yield* asked).tokenReviews
        const began = yield* Clock.currentTimeMillis
        yield* abandonMany(secureOrigin, abandoned)
        const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
        const { peak } = yield* ProcessMemory.read(bundle.pid)
        const reviews = (yield* asked).tokenReviews - reviewsBefore
        const queued = yield* metric("access_reviews_queued")
        yield* speech
        const spoke = yield* Clock.currentTimeMillis
        const status = yield* ReviewBed.ask(secureOrigin, ReviewBed.goodToken)
        const decided = (yield* Clock.currentTimeMillis) - spoke
        const sizes = [idle.resident, before.resident, peak].map((size) => size.toFixed(1)).join(", ")
        yield* Console.log(
          `${abandoned} in ${seconds.toFixed(1)} s, ${reviews} TokenReviews sent, ${queued} queued; ` +
            `a new good token decided in ${decided} ms; MiB idle, at first, at most: ${sizes}`
        )
        assert.strictEqual(status, 400)
        assert.isAtMost(decided, 3000)
        // Those whose senders left a moment ago.
        assert.isAtMost(queued, connections)
        // Four a second, and what was sent before the silence was noticed.
        assert.isAtMost(reviews, 4 * seconds + 32)
        assert.isBelow(peak - before.resident, 32)
      }).pipe(Effect.scoped, shownOnFailure),
    { timeout: 1_200_000 }
  )
})
